//! `millstream produce`.

use std::io::Write;
use std::process::Stdio;

use crate::program::{fed, millstream, ok, refused, signal, text};

#[test]
fn json_that_was_consumed_can_be_produced_again() {
    let lines = concat!(
        r#"{"key":{"hex":"00ff"},"value":"one","headers":[["a","1"],["a",null]],"timestamp":1000}"#,
        "\n",
        r#"{"key":"k","value":null}"#,
        "\n",
    );
    let produced = fed(&["produce", "mirror-a", "-i", "json"], lines);
    assert!(produced.status.success(), "{}", text(&produced.stderr));
    let consumed = ok(&["consume", "mirror-a", "--from-beginning", "--exit", "-o", "json"]);
    assert!(fed(&["produce", "mirror-b", "-i", "json"], &consumed).status.success());
    let again = ok(&["consume", "mirror-b", "--from-beginning", "--exit", "-o", "json"]);
    assert_eq!(again, consumed.replace("mirror-a", "mirror-b"));
    assert!(
        again.contains(r#""key":{"hex":"00ff"},"value":"one","headers":[["a","1"],["a",null]]"#),
        "{again}"
    );
    assert!(again.contains(r#""timestamp":1000"#), "{again}");
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let refused = fed(&["produce", "typo", "-i", "json"], "{\"value\":\"a\"}\n{\"vlaue\":\"b\"}\n");
    assert!(!refused.status.success());
    let error = text(&refused.stderr);
    assert!(error.contains("line 2") && error.contains("vlaue"), "{error}");
    let refused = fed(&["produce", "typo", "-K", ":"], "no separator\n");
    assert!(text(&refused.stderr).contains("line 1"), "{}", text(&refused.stderr));
}

#[test]
fn a_stopped_producer_has_written_what_it_took_in() {
    let mut child = millstream(&["produce", "stopped", "-X", "linger.ms=100"]);
    let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntwo\n").unwrap();
    // Both lines are there before the signal: the first record that is read back says so.
    assert_eq!(ok(&["topic", "create", "stopped", "--if-not-exists"]), "");
    assert_eq!(ok(&["consume", "stopped", "--from-beginning", "-n", "2"]), "one\ntwo\n");
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130), "though its input is still open");
    drop(input);
}

#[test]
fn a_partition_that_is_not_there_is_refused() {
    ok(&["topic", "create", "narrow"]);
    let output = fed(&["produce", "narrow", "--partition", "3"], "a\n");
    assert!(text(&output.stderr).contains("topic narrow has 1 partitions"), "{}", text(&output.stderr));
    assert!(refused(&["produce"]).contains("<TOPIC>"));
}
