//! Workers as processes: their requests, one that is killed, one beside a broker.

use serde_json::json;

use crate::program::{bare, signal};
use crate::running::{Running, properties, wait_until};

#[test]
fn a_worker_that_stands_alone_answers_requests_and_ends_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    std::fs::write(dir.path().join("in.txt"), "a\n").unwrap();
    let pipeline = dir.path().join("pipeline.yaml");
    let text = format!(
        "worker: {{listeners: 'http://127.0.0.1:0', value.converter: string}}\n\
         connectors: {{served: {{connector.class: file-source, file: {path}/in.txt, topic: served}}}}\n"
    );
    std::fs::write(&pipeline, text).unwrap();
    let mut worker = Running::start(&["connect", "run", "--quiet", &pipeline.display().to_string()]);
    wait_until("the connector", || worker.ask("GET", "/connectors", None) == (200, json!(["served"])));
    wait_until("a task", || {
        worker.ask("GET", "/connectors/served/status", None).1["tasks"][0]["state"] == "RUNNING"
    });
    assert_eq!(worker.ask("GET", "/connectors/none/status", None).0, 404);
    signal(&worker.child, "INT");
    assert_eq!(worker.child.wait().unwrap().code(), Some(130));
}

#[test]
fn the_tasks_of_a_worker_that_is_killed_go_on_elsewhere_and_any_worker_takes_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    std::fs::write(&input, "before\n").unwrap();
    let workers = ["one", "two"].map(|name| {
        Some(Running::start(&["connect", "worker", &properties(dir.path(), name, "killed", "")]))
    });
    let [mut first, mut second] = workers;
    let source = json!({"connector.class": "file-source", "file": input, "topic": "killed"});
    let sink = json!({"connector.class": "file-sink", "file": output, "topics": "killed"});
    first.as_ref().unwrap().make("in", &source);
    second.as_ref().unwrap().make("out", &sink);
    let there = || std::fs::read_to_string(&output).unwrap_or_default();
    wait_until("the first line", || there() == "before\n");

    // What is not stored of a source's position comes again: it is waited for, so that a line is there once.
    wait_until("a position", || {
        let told = first.as_ref().unwrap().ask("GET", "/connectors/in/offsets", None).1;
        told["offsets"].as_array().is_some_and(|offsets| !offsets.is_empty())
    });
    // Whoever has the source is killed.
    let owner =
        second.as_ref().unwrap().ask("GET", "/connectors/in/status", None).1["tasks"][0]["worker_id"].clone();
    let owner = owner.as_str().unwrap();
    let is_first = owner == first.as_ref().unwrap().id();
    let survivor = if is_first {
        first.take();
        second.take()
    } else {
        second.take();
        first.take()
    };
    let survivor = survivor.unwrap();
    std::fs::write(&input, "before\nafter\n").unwrap();
    wait_until("the second line", || there().ends_with("after\n"));
    assert_eq!(there(), "before\nafter\n");
    let status = survivor.ask("GET", "/connectors/in/status", None).1;
    assert_eq!(status["tasks"][0]["worker_id"], survivor.id().as_str(), "{status}");
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
}

/// A broker and a worker in one process.
#[test]
fn a_worker_beside_its_broker_goes_on_where_it_was_when_both_are_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    let (data, file) = (dir.path().join("data"), dir.path().join("worker.properties"));
    std::fs::write(&input, "before\n").unwrap();
    std::fs::write(
        &file,
        "listeners=http://127.0.0.1:0\nvalue.converter=string\noffset.flush.interval.ms=100\n",
    )
    .unwrap();
    let [data, file] = [data, file].map(|path| path.display().to_string());
    let start = || {
        let args = ["server", "--data", &data, "--listen", "127.0.0.1:0", "--connect", &file];
        Running::spawn(bare(&args))
    };
    let there = || std::fs::read_to_string(&output).unwrap_or_default();
    let mut server = start();
    server.make("in", &json!({"connector.class": "file-source", "file": input, "topic": "beside"}));
    server.make("out", &json!({"connector.class": "file-sink", "file": output, "topics": "beside"}));
    wait_until("the first line", || there() == "before\n");
    signal(&server.child, "TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0), "{}", server.log());

    std::fs::write(&input, "before\nafter\n").unwrap();
    let server = start();
    assert_eq!(server.ask("GET", "/connectors", None), (200, json!(["in", "out"])));
    wait_until("the second line", || there().ends_with("after\n"));
    assert_eq!(there(), "before\nafter\n", "it ended in order, so that nothing comes again");
}

#[test]
fn a_worker_that_is_told_what_nobody_reads_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = properties(dir.path(), "worker", "misspelt", "sesion.timeout.ms=2000");
    let output = bare(&["connect", "worker", &file]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sesion.timeout.ms; did you mean session.timeout.ms?"), "{said}");
}

/// A task that ends stores how far it has come; what is asked for after the stop counts.
#[test]
fn positions_that_are_forgotten_right_after_a_stop_stay_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.txt");
    let lines: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    std::fs::write(&input, lines).unwrap();
    // Positions are stored when the task ends, and hardly before.
    let rare = "offset.flush.interval.ms=600000";
    let workers = ["one", "two"]
        .map(|name| Running::start(&["connect", "worker", &properties(dir.path(), name, "forgotten", rare)]));
    workers[0].make("in", &json!({"connector.class": "file-source", "file": input, "topic": "forgotten"}));
    wait_until("a topic", || {
        workers[1].ask("GET", "/connectors/in/topics", None).1["in"]["topics"] == json!(["forgotten"])
    });
    let status = workers[0].ask("GET", "/connectors/in/status", None).1;
    let owner = workers.iter().position(|worker| status["tasks"][0]["worker_id"] == worker.id().as_str());
    // The one who has not got the task, who knows of its end by the leases alone.
    let other = &workers[1 - owner.unwrap()];
    assert_eq!(other.ask("PUT", "/connectors/in/stop", None).0, 204);
    let (code, told) = other.ask("DELETE", "/connectors/in/offsets", None);
    assert_eq!(code, 200, "{told}");
    std::thread::sleep(std::time::Duration::from_secs(1));
    for worker in &workers {
        assert_eq!(worker.ask("GET", "/connectors/in/offsets", None), (200, json!({"offsets": []})));
    }
}
