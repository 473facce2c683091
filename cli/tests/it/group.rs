//! `millstream group`.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::program::{fed, json, millstream, ok, refused};

/// A topic of two partitions with five records each, which the group has read to the end.
fn read_by(topic: &str, group: &str) {
    ok(&["topic", "create", topic, "--partitions", "2"]);
    for partition in ["0", "1"] {
        assert!(fed(&["produce", topic, "--partition", partition], "a\nb\nc\nd\ne\n").status.success());
    }
    ok(&["consume", topic, "--from-beginning", "--group", group, "--exit"]);
}

fn targets(moved: &Value) -> Vec<i64> {
    moved.as_array().unwrap().iter().map(|row| row["to"].as_i64().unwrap()).collect()
}

#[test]
fn offsets_are_reset_in_every_way() {
    read_by("rewound", "rewinders");
    let reset = |how: &[&str]| {
        let args = ["group", "reset-offsets", "rewinders", "--topic", "rewound", "-o", "json"];
        targets(&json(&[&args[..], how].concat()))
    };
    assert_eq!(reset(&["--to-earliest"]), [0, 0]);
    assert_eq!(reset(&["--shift-by", "-2"]), [3, 3], "nothing was done yet");
    assert_eq!(reset(&["--shift-by", "-2", "--dry-run"]), [3, 3]);
    assert_eq!(reset(&["--shift-by", "-2", "--execute"]), [3, 3]);
    assert_eq!(reset(&["--to-current"]), [3, 3]);
    assert_eq!(reset(&["--shift-by", "-1"]), [2, 2]);
    assert_eq!(reset(&["--to-latest"]), [5, 5]);
    assert_eq!(reset(&["--to-offset", "4"]), [4, 4]);
    assert_eq!(reset(&["--to-offset", "400"]), [5, 5], "the nearest that there is");
    assert_eq!(reset(&["--to-datetime", "1999-12-31T23:59:59.000"]), [0, 0]);
    assert_eq!(reset(&["--to-datetime", "2999-12-31"]), [5, 5]);
    assert_eq!(reset(&["--by-duration", "PT1H"]), [0, 0]);
    assert_eq!(reset(&["--by-duration", "PT0S"]), [5, 5]);

    let one = ["group", "reset-offsets", "rewinders", "-o", "json", "--topic", "rewound:1", "--to-earliest"];
    let moved = json(&[&one[..], &["--execute"]].concat());
    assert_eq!((targets(&moved), &moved[0]["partition"]), (vec![0], &Value::from(1)));
    let all = json(&["group", "reset-offsets", "rewinders", "-o", "json", "--all-topics", "--to-current"]);
    assert_eq!(targets(&all), [3, 0]);
    assert_eq!(ok(&["consume", "rewound", "--group", "rewinders", "--exit"]).lines().count(), 2 + 5);
}

#[test]
fn a_wrong_target_says_what_is_right() {
    read_by("kept", "keepers");
    let wrong = |how: &[&str]| refused(&[&["group", "reset-offsets", "keepers"][..], how].concat());
    assert!(wrong(&["--topic", "kept"]).contains("--to-earliest"));
    assert!(wrong(&["--to-earliest"]).contains("--topic"));
    assert!(wrong(&["--topic", "kept:2", "--to-earliest"]).contains("has 2 partitions"));
    assert!(wrong(&["--topic", "kept", "--to-datetime", "noon"]).contains("2026-11-22T05:00:00Z"));
    assert!(wrong(&["--topic", "kept", "--by-duration", "1y"]).contains("PT1H30M"));
    ok(&["topic", "create", "unread"]);
    assert!(wrong(&["--topic", "unread", "--shift-by", "1"]).contains("--to-earliest"));
}

#[test]
fn a_group_with_members_is_left_alone() {
    read_by("busy", "workers");
    let args = ["consume", "busy", "--group", "workers", "-X", "client.id=night-shift"];
    let mut member = millstream(&args).spawn().unwrap();
    let mut output = BufReader::new(member.stdout.take().unwrap());
    // A record that arrives says that the member is in.
    fed(&["produce", "busy"], "x\n");
    output.read_line(&mut String::new()).unwrap();
    let error =
        refused(&["group", "reset-offsets", "workers", "--topic", "busy", "--to-earliest", "--execute"]);
    assert!(error.contains("stop its members first") && error.contains("night-shift"), "{error}");
    let error = refused(&["group", "delete", "workers"]);
    assert!(error.contains("stop them first"), "{error}");
    member.kill().unwrap();
    member.wait().unwrap();
}

#[test]
fn groups_are_listed_described_and_deleted() {
    read_by("seen", "seers");
    let described = json(&["group", "describe", "seers", "-o", "json"]);
    assert_eq!(described[0]["state"], "Empty");
    assert_eq!(described[0]["partitions"][1]["committed"], 5);
    let listed = |name: &str| {
        let groups = json(&["group", "list", "-o", "json"]);
        groups.as_array().unwrap().iter().any(|group| group["group"] == name)
    };
    assert!(listed("seers"));
    assert!(refused(&["group", "describe", "seer"]).contains("did you mean seers?"));
    assert!(refused(&["group", "delete", "sears"]).contains("did you mean seers?"));
    ok(&["group", "delete", "seers"]);
    assert!(!listed("seers"));
}
