//! `millstream server`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Stdio};

use crate::program::{bare, signal, text};

/// A server that is ready, and its address.
pub(crate) fn start(data: &str, listen: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = bare(&["server", "--data", data, "--listen", listen]).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let address = line.strip_prefix("Millstream is ready on ").and_then(|rest| rest.split(',').next());
    let address = address.unwrap_or_else(|| panic!("not ready: {line}")).to_owned();
    (child, output, address)
}

/// What a server that does not start says.
fn refused(args: &[&str]) -> String {
    let output = bare(&[&["server"], args].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr)
}

#[test]
fn a_server_that_cannot_start_names_the_option_to_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = refused(&["--data", &path("a"), "--listen", &address]);
    assert!(error.contains(&address) && error.contains("--listen"), "{error}");
    assert!(!error.contains("listeners="), "{error}");
    for wrong in ["localhost", "9092", "host:port", "::1"] {
        let error = refused(&["--data", &path("a"), "--listen", wrong]);
        assert!(error.contains("HOST:PORT"), "{error}");
    }
    std::fs::write(path("file"), "").unwrap();
    let error = refused(&["--data", &path("file"), "--listen", "127.0.0.1:0"]);
    assert!(error.contains("--data must name a directory"), "{error}");
    let error = refused(&["--data", "/proc/millstream", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("--data must name a directory"), "{error}");
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    let (mut first, _output, _) = start(&data, "127.0.0.1:0");
    let error = refused(&["--data", &data, "--listen", "127.0.0.1:0"]);
    assert!(error.contains("stop that broker"), "{error}");
    signal(&first, "TERM");
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

/// What was acknowledged before the end is there after it, though a producer was at work and a consumer waited.
#[test]
fn a_server_stops_in_order_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    for name in ["INT", "TERM"] {
        let (mut server, _output, address) = start(&data, "127.0.0.1:0");
        let client = ["-b", &address, "-X", "delivery.timeout.ms=1500", "-X", "request.timeout.ms=1000"];
        let bench = ["bench", "produce", "load", "--num-records", "1000000000", "--throughput", "20000"];
        let mut producer = bare(&[&bench[..], &client[..]].concat()).spawn().unwrap();
        let mut counted = 0;
        while counted == 0 {
            let args = ["consume", "load", "--from-beginning", "--exit", "-b", &address];
            let output = bare(&args).output().unwrap();
            counted = text(&output.stdout).lines().count();
        }
        let mut reader = bare(&["consume", "load", "-b", &address]).spawn().unwrap();
        BufReader::new(reader.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        signal(&server, name);
        assert_eq!(server.wait().unwrap().code(), Some(0), "SIG{name}");
        producer.kill().unwrap();
        producer.wait().unwrap();
        reader.kill().unwrap();
        reader.wait().unwrap();
        let (mut server, _output, address) = start(&data, "127.0.0.1:0");
        let args = ["consume", "load", "--from-beginning", "--exit", "-b", &address];
        let output = bare(&args).output().unwrap();
        assert!(text(&output.stdout).lines().count() >= counted);
        signal(&server, name);
        assert_eq!(server.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_log_is_cut_while_its_broker_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    let cut = |topic: &str, at: &str| {
        let args = ["log", "cut", "--data", &data, "--topic", topic, "--partition", "0", "--at", at];
        bare(&args).output().unwrap()
    };
    let (mut server, _output, address) = start(&data, "127.0.0.1:0");
    let args = ["produce", "tail", "-b", &address, "-X", "batch.size=1", "-X", "linger.ms=0"];
    let mut producer = bare(&args).stdin(Stdio::piped()).spawn().unwrap();
    producer.stdin.take().unwrap().write_all(b"0\n1\n2\n3\n4\n5\n").unwrap();
    assert!(producer.wait().unwrap().success());
    let busy = text(&cut("tail", "4").stderr);
    assert!(busy.contains("stop that broker"), "{busy}");
    signal(&server, "TERM");
    server.wait().unwrap();

    let missing = text(&cut("tial", "4").stderr);
    assert!(missing.contains("tial-0 does not exist"), "{missing}");
    let done = cut("tail", "4");
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "tail-0 ends at offset 4 now\n");
    let (mut server, _output, address) = start(&data, "127.0.0.1:0");
    let args = ["consume", "tail", "--from-beginning", "--exit", "-b", &address];
    assert_eq!(text(&bare(&args).output().unwrap().stdout), "0\n1\n2\n3\n");
    signal(&server, "TERM");
    server.wait().unwrap();
}
