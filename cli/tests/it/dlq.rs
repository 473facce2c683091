//! `millstream dlq`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::program::{fed, json, ok, refused, text};

/// The time of the first record, in ms since 1970: recent, so that retention lets the letters be.
fn begin() -> i64 {
    static BEGIN: OnceLock<i64> = OnceLock::new();
    *BEGIN.get_or_init(|| chrono::Utc::now().timestamp_millis() - 3_600_000)
}

/// A letter as `produce` takes it: what went wrong with a record of `topic`.
fn letter(topic: &str, number: usize, error: &str) -> String {
    let headers = [
        ("__connect.errors.topic", topic.to_owned()),
        ("__connect.errors.partition", "0".to_owned()),
        ("__connect.errors.offset", number.to_string()),
        ("__connect.errors.exception.message", error.to_owned()),
        ("own", number.to_string()),
    ];
    let headers: Vec<_> = headers.into_iter().collect();
    json!({"value": format!("record {number}"), "headers": headers, "timestamp": begin() + 1_000 * i64::try_from(number).unwrap()}).to_string()
}

/// Ten letters for a topic, every third of them of a missing table and the others late.
fn letters(dead: &str, topic: &str) {
    let error = |number| if number % 3 == 0 { "no such table" } else { "too late" };
    let lines: Vec<String> = (0..10).map(|number| letter(topic, number, error(number))).collect();
    let output = fed(&["produce", dead, "--input", "json"], &(lines.join("\n") + "\n"));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The numbers of the records in a topic, in order.
fn records(topic: &str) -> Vec<usize> {
    let lines = ok(&["consume", topic, "--from-beginning", "--exit"]);
    lines.lines().map(|line| line.strip_prefix("record ").unwrap().parse().unwrap()).collect()
}

#[test]
fn what_does_not_match_stays_to_be_sent_later_and_nothing_is_sent_twice() {
    letters("picked.dlq", "picked");
    // What is remembered reaches over what is read at once.
    let begin = ["dlq", "replay", "picked.dlq", "-X", "max.poll.records=3"];
    let replay = |more: &[&str]| ok(&[&begin, more].concat());
    assert_eq!(replay(&["-m", "no such table", "-n", "2"]), "2 sent to picked\n2 do not match and stay\n");
    assert_eq!(records("picked"), [0, 3]);
    assert_eq!(
        replay(&["-m", "no such table", "--dry-run"]),
        "2 would go to picked\n6 do not match and stay\n"
    );
    assert_eq!(replay(&["-m", "no such table"]), "2 sent to picked\n6 do not match and stay\n");
    assert_eq!(records("picked"), [0, 3, 6, 9]);
    assert_eq!(replay(&["-n", "1"]), "1 sent to picked\n");
    assert_eq!(replay(&[]), "5 sent to picked\n");
    assert_eq!(records("picked"), [0, 3, 6, 9, 1, 2, 4, 5, 7, 8]);
    assert_eq!(replay(&[]), "nothing to send\n");
    assert_eq!(replay(&["--from-beginning", "--to", "elsewhere"]), "10 sent to elsewhere\n");
    assert_eq!(records("elsewhere"), (0..10).collect::<Vec<_>>());
    assert_eq!(replay(&["--from-beginning", "-n", "4"]), "4 sent to picked\n");
    assert_eq!(replay(&[]), "6 sent to picked\n", "who begins anew goes on from there");
}

/// Produces these lines of JSON.
fn produce(topic: &str, more: &[&str], lines: &[Value]) {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = fed(&[&["produce", topic, "--input", "json"], more].concat(), &lines);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Records that are hard to carry.
fn hard() -> Vec<Value> {
    let bytes = json!({"hex": "00ff80"});
    let headers = json!([["bytes", bytes], ["none", null], ["empty", ""], ["twice", "1"], ["twice", "2"]]);
    let all = [
        (json!("key"), json!("naïve\n"), json!([])),
        (bytes.clone(), bytes, headers),
        (json!(""), json!(""), json!([["own", "of an empty one"]])),
        (json!("gone"), Value::Null, json!([["own", "of a tombstone"]])),
        (Value::Null, json!("no key"), json!([])),
        (json!("one more"), json!("{}"), json!([["own", "{}"]])),
    ];
    let record = |(number, (key, value, headers)): (usize, (Value, Value, Value))| {
        let timestamp = begin() + i64::try_from(number).unwrap();
        json!({"key": key, "value": value, "headers": headers, "timestamp": timestamp})
    };
    all.into_iter().enumerate().map(record).collect()
}

/// The letter of a record that was once before in a letter, of another topic.
fn letter_of(record: &Value, topic: &str, offset: usize) -> Value {
    let mut letter = record.clone();
    let headers = letter["headers"].as_array_mut().unwrap();
    let mut say = |name: &str, what: &str| headers.push(json!([format!("__connect.errors.{name}"), what]));
    say("topic", "older");
    say("topic", topic);
    say("partition", "2");
    say("offset", &offset.to_string());
    say("stage", "TASK_PUT");
    say("exception.message", "too late");
    letter
}

/// The records of a topic by their time; where they lie only if they have a key, which says so.
fn carried(topic: &str) -> BTreeMap<i64, Value> {
    let lines = ok(&["consume", topic, "--from-beginning", "--exit", "-o", "json"]);
    let mut carried = BTreeMap::new();
    for line in lines.lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let object = record.as_object_mut().unwrap();
        ["topic", "offset"].iter().for_each(|name| drop(object.remove(*name)));
        if object["key"].is_null() {
            object.remove("partition");
        }
        let timestamp = record["timestamp"].as_i64().unwrap();
        assert!(carried.insert(timestamp, record).is_none(), "{topic} has one twice: {line}");
    }
    carried
}

#[test]
fn what_is_sent_back_and_what_is_exported_is_to_the_byte_the_record_that_it_was() {
    for topic in ["straight", "hard-even", "hard-odd", "hard-exported"] {
        ok(&["topic", "create", topic, "--partitions", "3"]);
    }
    produce("straight", &[], &hard());
    let origin = |number: usize| if number.is_multiple_of(2) { "hard-even" } else { "hard-odd" };
    let letters: Vec<Value> =
        hard().iter().enumerate().map(|(number, record)| letter_of(record, origin(number), number)).collect();
    produce("hard.dlq", &[], &letters);
    assert_eq!(ok(&["dlq", "replay", "hard.dlq"]), "3 sent to hard-even\n3 sent to hard-odd\n");
    let straight = carried("straight");
    assert_eq!(straight.len(), 6);
    assert!(straight.values().any(|record| record["partition"] != straight[&begin()]["partition"]));
    let of = |parity| straight.clone().into_iter().filter(move |(time, _)| (time - begin()) % 2 == parity);
    assert_eq!(carried("hard-even"), of(0).collect());
    assert_eq!(carried("hard-odd"), of(1).collect());

    let exported: Vec<Value> =
        ok(&["dlq", "export", "hard.dlq"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, line) in exported.iter().enumerate() {
        assert_eq!(line["origin"], format!("{}-2@{number}", origin(number)));
        assert_eq!((&line["stage"], &line["error"]), (&json!("TASK_PUT"), &json!("too late")));
    }
    produce("hard-exported", &[], &exported);
    assert_eq!(carried("hard-exported"), straight);
}

#[test]
fn partitions_of_letters_are_remembered_and_cut_each_for_itself() {
    ok(&["topic", "create", "spread.dlq", "--partitions", "3"]);
    let numbers = [0..4, 4..7, 7..12];
    for (partition, numbers) in numbers.iter().enumerate() {
        let error = |number| if number % 3 == 0 { "no such table" } else { "too late" };
        let lines: Vec<Value> = numbers
            .clone()
            .map(|number| serde_json::from_str(&letter("spread", number, error(number))).unwrap())
            .collect();
        produce("spread.dlq", &["--partition", &partition.to_string()], &lines);
    }
    let sorted = || {
        let mut sorted = records("spread");
        sorted.sort_unstable();
        sorted
    };
    let replay = |more: &[&str]| ok(&[&["dlq", "replay", "spread.dlq"], more].concat());
    assert_eq!(replay(&["-m", "no such table"]), "4 sent to spread\n8 do not match and stay\n");
    assert_eq!(sorted(), [0, 3, 6, 9]);
    assert_eq!(replay(&[]), "8 sent to spread\n");
    assert_eq!(sorted(), (0..12).collect::<Vec<_>>());

    let mut cut: Vec<String> =
        ok(&["dlq", "purge", "spread.dlq", "-m", "no such table"]).lines().map(str::to_owned).collect();
    cut.sort_unstable();
    assert_eq!(
        cut,
        [
            "3 more lie behind letters that are to stay, and stay with them",
            "nothing was deleted: say --yes to do it",
            "partition 0: would delete 1 up to offset 1",
        ]
    );
    let said = ok(&["dlq", "purge", "spread.dlq", "--yes"]);
    assert_eq!(
        said,
        "partition 0: deleting 4 up to offset 4\npartition 1: deleting 3 up to offset 3\n\
         partition 2: deleting 5 up to offset 5\n"
    );
    assert_eq!(ok(&["dlq", "show", "spread.dlq", "-o", "json"]), "[]\n");
}

#[test]
fn a_letter_is_shown_with_where_it_lies_where_it_came_from_and_why() {
    let long = "x".repeat(100);
    let record = json!({"value": long, "headers": [], "timestamp": begin()});
    let tombstone = json!({"key": "gone", "value": null, "headers": [], "timestamp": begin()});
    let plain = json!({"value": "no letter", "headers": []});
    produce("shown.dlq", &[], &[plain, letter_of(&record, "shown", 7), letter_of(&tombstone, "shown", 8)]);
    let shown = |letter: &str, origin: &str, value: Value| json!({"letter": letter, "origin": origin, "stage": "TASK_PUT", "error": "too late", "value": value});
    let all = json(&["dlq", "show", "shown.dlq", "-o", "json"]);
    let said_nothing = json!({"letter": "0@0", "origin": "", "stage": "", "error": "", "value": "no letter"});
    assert_eq!(
        all,
        json!([said_nothing, shown("0@1", "shown-2@7", json!(long)), shown("0@2", "shown-2@8", json!(null))])
    );
    let late = json(&["dlq", "show", "shown.dlq", "-o", "json", "-m", "too late", "-n", "1"]);
    assert_eq!(late, json!([all[1]]));
    let table = ok(&["dlq", "show", "shown.dlq"]);
    let cut = format!("  {}…\n", &long[..60]);
    assert!(table.contains(&cut), "{table}");
    let why = refused(&["dlq", "replay", "shown.dlq"]);
    assert!(why.contains("letter 0@0 does not tell where it came from: say --to TOPIC"), "{why}");
}

#[test]
fn a_topic_must_be_said_and_may_be_said_as_to_kafkas_tools() {
    assert!(ok(&["dlq", "show", "--help"]).contains("dlq show [OPTIONS] <TOPIC>"));
    assert!(refused(&["dlq", "show"]).contains("<TOPIC>"));
    letters("dlq-named", "dlq-named-from");
    assert_eq!(ok(&["dlq", "show", "--topic", "dlq-named"]), ok(&["dlq", "show", "dlq-named"]));
}

#[test]
fn none_is_none() {
    letters("untouched.dlq", "untouched");
    assert_eq!(ok(&["dlq", "replay", "untouched.dlq", "-n", "0"]), "nothing to send\n");
    assert_eq!(ok(&["dlq", "export", "untouched.dlq", "-n", "0"]), "");
    assert_eq!(ok(&["dlq", "show", "untouched.dlq", "-n", "0", "-o", "json"]), "[]\n");
    assert_eq!(ok(&["dlq", "replay", "untouched.dlq"]), "10 sent to untouched\n");
}

#[test]
fn more_letters_than_one_fetch_are_sent_once_each() {
    let lines: String = (0..3_000).map(|number| letter("many", number, "too late") + "\n").collect();
    assert!(fed(&["produce", "many.dlq", "--input", "json"], &lines).status.success());
    let begin = ["dlq", "replay", "many.dlq", "-X", "max.poll.records=700"];
    let replay = |more: &[&str]| ok(&[&begin, more].concat());
    assert_eq!(replay(&["-n", "1300"]), "1300 sent to many\n");
    assert_eq!(replay(&[]), "1700 sent to many\n");
    assert_eq!(records("many"), (0..3_000).collect::<Vec<_>>());
    let shown = json(&["dlq", "show", "many.dlq", "-o", "json"]);
    assert_eq!(shown.as_array().unwrap().len(), 1_000, "as many as a person can look at");
    let small = ["-X", "max.partition.fetch.bytes=20000", "--from-beginning", "--to", "many.dlq"];
    assert_eq!(replay(&small), "3000 sent to many.dlq\n", "what is added meanwhile is not sent on for ever");
}

#[test]
fn what_was_exported_is_a_record_again_once_it_is_mended() {
    letters("mended.dlq", "mended");
    let all = ok(&["dlq", "export", "mended.dlq", "-m", "no such table"]);
    assert_eq!(all.lines().count(), 4);
    let exported = ok(&["dlq", "export", "mended.dlq", "-m", "no such table", "-n", "1"]);
    let output = fed(&["produce", "mended", "--input", "json"], &exported.replace("record 0", "record 100"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let record = json(&["consume", "mended", "--from-beginning", "--exit", "-o", "json"]);
    assert_eq!((&record["value"], &record["headers"]), (&json!("record 100"), &json!([["own", "0"]])));
}

#[test]
fn a_purge_says_what_it_will_do_and_goes_as_far_as_it_can() {
    letters("purged.dlq", "purged");
    let fourth = chrono::DateTime::from_timestamp_millis(begin() + 4_000).unwrap();
    let purge = |more: &[&str]| ok(&[&["dlq", "purge", "purged.dlq"], more].concat());
    let left = || json(&["dlq", "show", "purged.dlq", "-o", "json"]).as_array().unwrap().len();
    let said = purge(&["-m", "no such table"]);
    assert_eq!(
        said,
        "partition 0: would delete 1 up to offset 1\n3 more lie behind letters that are to stay, and stay with them\n\
         nothing was deleted: say --yes to do it\n"
    );
    assert_eq!(left(), 10);
    purge(&["-m", "no such table", "--yes"]);
    assert_eq!(left(), 9);
    assert_eq!(purge(&["-m", "no such table", "--yes"]).lines().last(), Some("nothing to delete"));
    assert_eq!(
        purge(&["--before", &fourth.to_rfc3339(), "--yes"]),
        "partition 0: deleting 3 up to offset 4\n"
    );
    assert_eq!(left(), 6);
    // What is gone is not looked for, and the rest is sent as ever.
    assert_eq!(ok(&["dlq", "replay", "purged.dlq"]), "6 sent to purged\n");
    purge(&["--yes"]);
    assert_eq!((left(), purge(&["--yes"]).as_str()), (0, "nothing to delete\n"));
    assert!(refused(&["dlq", "purge", "nowhere.dlq", "--yes"]).contains("there is no topic nowhere.dlq"));
}
