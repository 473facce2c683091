//! `millstream connect top`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::program::{bare, fed, millstream, ok, refused, text};
use crate::running::{Running, properties, wait_until};

/// One frame of a worker there; empty while it does not answer.
fn frame(url: &str) -> String {
    text(&bare(&["connect", "top", "--once", "--url", url]).output().unwrap().stdout)
}

/// The columns of the line that begins so.
fn row(frame: &str, begins: &str) -> Vec<String> {
    let line = frame.lines().find(|line| line.starts_with(begins));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn it_shows_the_tasks_of_a_worker_of_a_cluster_and_why_one_does_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Running::start(&["connect", "worker", &properties(dir.path(), "top", "top", "")]);
    assert!(fed(&["produce", "top-in"], "a\nb\nc\n").status.success());
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let sink = json!({"connector.class": "http", "url": nobody, "topics": "top-in"});
    worker.make("away", &sink);
    worker.make("rests", &json!({"connector.class": "datagen", "topic": "top-made", "count": "10"}));
    assert_eq!(worker.ask("PUT", "/connectors/rests/stop", None).0, 204);

    let mut seen = String::new();
    wait_until("a frame of it", || {
        seen = frame(&worker.address);
        row(&seen, "away")[2..].first().is_some_and(|state| state == "DEGRADED")
            && row(&seen, "away")[6] == "3"
    });
    assert!(seen.starts_with(&format!("http://{}  1 tasks: 1 DEGRADED  memory ", worker.address)), "{seen}");
    let why = seen.lines().skip_while(|line| !line.starts_with("away")).nth(1).unwrap_or_default();
    assert!(why.starts_with("    error sending request: "), "{seen}");
    wait_until("the one that has no tasks", || {
        row(&frame(&worker.address), "rests") == ["rests", "-", "STOPPED"]
    });
}

#[test]
fn it_shows_what_a_run_with_metrics_moves() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = dir.path().join("pipeline.yaml");
    let text = "connectors: {made: {connector.class: datagen, topic: top-moved, rate: 500}}\n";
    std::fs::write(&pipeline, text).unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let pipeline = pipeline.display().to_string();
    let mut run =
        millstream(&["connect", "run", "--quiet", "--metrics", &listen, &pipeline]).spawn().unwrap();
    let mut seen = String::new();
    wait_until("records on their way", || {
        seen = frame(&listen);
        row(&seen, "made").get(5).is_some_and(|rate| rate.parse::<f64>().is_ok_and(|rate| rate > 0.0))
    });
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(row(&seen, "made")[..3], ["made", "0", "RUNNING"], "{seen}");
    assert!(seen.contains(" of 32.0 MiB") && seen.contains('·'), "{seen}");
    assert!(refused(&["connect", "top", "--once", "--url", &listen]).contains(&listen), "it is gone");
    assert!(ok(&["connect", "top", "--help"]).contains("--url"));
}

/// What a terminal shows of `connect top` and how it ended: `keys` are pressed when a frame is there. The terminal is made by
/// script(1), which every Debian has.
fn at_a_terminal(keys: &[u8]) -> String {
    let top =
        format!("{} connect top --url http://127.0.0.1:{}", env!("CARGO_BIN_EXE_millstream"), free_port());
    let told = format!("stty rows 30 cols 100; {top}; echo ended $?; stty -a");
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &told, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    let (mut seen, mut chunk, mut pressed) = (Vec::new(), [0; 4096], false);
    loop {
        let read = output.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        seen.extend_from_slice(&chunk[..read]);
        if !pressed && String::from_utf8_lossy(&seen).contains("the worker does not answer") {
            input.write_all(keys).unwrap();
            pressed = true;
        }
    }
    terminal.wait().unwrap();
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn q_and_escape_and_ctrl_c_end_it_and_leave_the_terminal_as_it_was() {
    for (keys, code) in [(b"xq".as_slice(), 0), (b"\x1b", 0), (b"\x03", 130)] {
        let seen = at_a_terminal(keys);
        assert!(seen.contains(&format!("ended {code}")), "{keys:?}: {seen}");
        let after = seen.split("ended").last().unwrap_or_default();
        for (entered, left) in [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h")] {
            assert!(seen.find(entered) < seen.rfind(left), "{keys:?}: {seen:?}");
        }
        for flag in ["icanon", "echo", "isig", "opost", "icrnl"] {
            let is_set = |word: &str| word.trim_end_matches(';') == flag;
            assert!(after.split_whitespace().any(is_set), "{keys:?}: no {flag} in {after}");
        }
    }
}
