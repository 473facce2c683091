//! `millstream consume`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::program::{bare, fed, json, millstream, ok, refused, signal, text};

fn numbers(topic: &str, count: u32) {
    ok(&["topic", "create", topic]);
    let lines: String = (0..count).map(|number| format!("{number}\n")).collect();
    assert!(fed(&["produce", topic], &lines).status.success());
}

#[test]
fn a_group_has_read_no_more_than_was_written() {
    numbers("portions", 10);
    let portion = |count| ok(&["consume", "portions", "--from-beginning", "--group", "eaters", "-n", count]);
    assert_eq!(portion("3"), "0\n1\n2\n");
    assert_eq!(portion("2"), "3\n4\n");
    let rest = ok(&["consume", "portions", "--group", "eaters", "--exit"]);
    assert_eq!(rest, "5\n6\n7\n8\n9\n");
    let nothing = ok(&["consume", "portions", "--group", "eaters", "--exit"]);
    assert_eq!(nothing, "");
    assert_eq!(json(&["group", "describe", "eaters", "-o", "json"])[0]["partitions"][0]["lag"], 0);
}

#[test]
fn exit_ends_also_where_there_is_nothing_to_read() {
    numbers("finished", 3);
    assert_eq!(ok(&["consume", "finished", "--exit"]), "", "from now on, so nothing");
    assert_eq!(ok(&["consume", "finished", "--exit", "--group", "latecomers"]), "");
    ok(&["topic", "create", "void", "--partitions", "2"]);
    assert_eq!(ok(&["consume", "void", "--from-beginning", "--exit"]), "");
}

#[test]
fn offsets_by_number_by_name_and_from_the_end() {
    numbers("places", 5);
    let from = |offset| ok(&["consume", "places", "--partition", "0", "--offset", offset, "--exit"]);
    assert_eq!(from("3"), "3\n4\n");
    assert_eq!(from("-1"), "4\n");
    assert_eq!(from("-100"), "0\n1\n2\n3\n4\n");
    assert_eq!(from("earliest"), "0\n1\n2\n3\n4\n");
    assert_eq!(from("latest"), "");
    let beyond = refused(&["consume", "places", "--partition", "0", "--offset", "6"]);
    assert!(beyond.contains("holds the offsets 0 to 5"), "{beyond}");
    assert!(refused(&["consume", "places", "--partition", "1"]).contains("has 1 partitions"));
    let unset = refused(&["consume", "places", "--from-beginning", "--exit", "-X", "fetch.min.byte=1"]);
    assert!(unset.contains("fetch.min.bytes"), "{unset}");
    assert_eq!(ok(&["consume", "places", "--from-beginning", "-n", "1", "-X", "fetch.min.bytes=1"]), "0\n");
}

#[test]
fn a_consumer_that_is_asked_to_stop_leaves_its_group() {
    numbers("left", 1);
    for (signal_name, code) in [("INT", 130), ("TERM", 143)] {
        let group = format!("leavers-{signal_name}");
        let args = ["consume", "left", "--from-beginning", "--group", &group];
        let mut child = millstream(&args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "0\n");
        signal(&child, signal_name);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let described = &json(&["group", "describe", &group, "-o", "json"])[0];
        assert_eq!(described["state"], "Empty", "{described}");
        assert_eq!(described["partitions"][0]["committed"], 1, "{described}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    numbers("long", 50_000);
    for format in ["table", "json"] {
        let mut child = millstream(&["consume", "long", "--from-beginning", "-o", format]).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_said_so() {
    let args = ["-b", "127.0.0.1:1", "-X", "default.api.timeout.ms=200"];
    let output = bare(&[&["consume", "any"], &args[..]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("is the broker running"), "{error}");
}

#[test]
fn a_port_that_speaks_something_else_is_said_so() {
    for (answer, name) in
        [(&b"\x15\x03\x03\x00\x02\x02\x46"[..], "TLS"), (b"HTTP/1.1 400 no\r\n\r\n", "HTTP")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = (&stream).read(&mut [0; 256]).and_then(|_| (&stream).write_all(answer));
            }
        });
        let args = ["topic", "list", "-b", &address, "-X", "default.api.timeout.ms=200"];
        let output = bare(&args).output().unwrap();
        assert!(text(&output.stderr).contains(&format!("it speaks {name}")), "{}", text(&output.stderr));
    }
}
