//! Workers as processes: their requests, and one that is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{millstream, signal};

/// What a test that waits gives up after; a machine under load is slow, not broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that answers requests; killed when this is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = millstream(args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Connect is ready on http://").map(str::to_owned);
        let Some(address) = address else {
            let _ = child.kill();
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{line}{why}");
        };
        Self { child, address }
    }

    /// The status and the body of an answer.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

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

fn properties(dir: &Path, name: &str) -> String {
    let bootstrap = millstream(&[]).get_envs().find_map(|(name, value)| {
        (name == "MILLSTREAM_BOOTSTRAP_SERVER").then(|| value.unwrap().to_str().unwrap().to_owned())
    });
    let file = dir.join(name);
    let text = format!(
        "bootstrap.servers={}\ngroup.id=killed\nlisteners=http://127.0.0.1:0\n\
         config.storage.topic=killed-configs\noffset.storage.topic=killed-offsets\nstatus.storage.topic=killed-statuses\n\
         key.converter=string\nvalue.converter=string\noffset.flush.interval.ms=100\n\
         session.timeout.ms=2000\nheartbeat.interval.ms=400\n",
        bootstrap.unwrap()
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn the_tasks_of_a_worker_that_is_killed_go_on_elsewhere_and_any_worker_takes_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    std::fs::write(&input, "before\n").unwrap();
    let workers = ["one", "two"]
        .map(|name| Some(Running::start(&["connect", "worker", &properties(dir.path(), name)])));
    let [mut first, mut second] = workers;
    let made = |worker: &Running, name: &str, config: Value| {
        let (status, told) = worker.ask("PUT", &format!("/connectors/{name}/config"), Some(&config));
        assert_eq!(status, 201, "{told}");
    };
    let source = json!({"connector.class": "file-source", "file": input, "topic": "killed"});
    let sink = json!({"connector.class": "file-sink", "file": output, "topics": "killed", "consumer.override.session.timeout.ms": "6000"});
    made(first.as_ref().unwrap(), "in", source);
    made(second.as_ref().unwrap(), "out", sink);
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
    let is_first = owner == first.as_ref().unwrap().address;
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
    assert_eq!(status["tasks"][0]["worker_id"], survivor.address.as_str(), "{status}");
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
}
