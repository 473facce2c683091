//! `millstream dlq`.

use std::sync::OnceLock;

use serde_json::json;

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
    let replay = |more: &[&str]| ok(&[&["dlq", "replay", "picked.dlq"], more].concat());
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
    assert_eq!(ok(&["dlq", "replay", "many.dlq", "-n", "1300"]), "1300 sent to many\n");
    assert_eq!(ok(&["dlq", "replay", "many.dlq"]), "1700 sent to many\n");
    assert_eq!(records("many"), (0..3_000).collect::<Vec<_>>());
    let shown = json(&["dlq", "show", "many.dlq", "-o", "json"]);
    assert_eq!(shown.as_array().unwrap().len(), 1_000, "as many as a person can look at");
}

#[test]
fn what_was_exported_is_a_record_again_once_it_is_mended() {
    letters("mended.dlq", "mended");
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
