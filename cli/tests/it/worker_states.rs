//! How connectors fare that do not move records, as requests tell it.

use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::program::{fed, signal};
use crate::running::{Running, properties, wait_until};

/// In ms since 1970.
fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The connector and its task are in this state, for a reason that names `why`, since they came to it.
fn is_told(status: &Value, state: &str, why: &str, begun_ms: i64) {
    for told in [&status["connector"], &status["tasks"][0]] {
        assert_eq!(told["state"], state, "{status}");
        assert!(told["why"].as_str().is_some_and(|told| told.contains(why)), "{status}");
        let since = told["since"].as_i64().unwrap_or_default();
        assert!((begun_ms..=now_ms()).contains(&since), "{since}: {status}");
    }
    assert_eq!(status["connector"]["since"], status["tasks"][0]["since"], "{status}");
}

#[test]
fn what_waits_for_its_target_is_degraded_and_what_the_brake_stopped_is_halted_with_why_and_since() {
    let dir = tempfile::tempdir().unwrap();
    let begun_ms = now_ms();
    let lines: String = (0..50).map(|line| format!("no JSON {line}\n")).collect();
    assert!(fed(&["produce", "no-json"], &lines).status.success());
    let worker = Running::start(&["connect", "worker", &properties(dir.path(), "one", "states", "")]);
    // Port 9 is nobody's.
    let away = json!({"connector.class": "http-poll", "topic": "nothing", "url": "http://127.0.0.1:9/"});
    worker.make("away", &away);
    let braked = json!({
        "connector.class": "file-sink", "topics": "no-json", "file": dir.path().join("out.txt"), "value.converter": "json",
        "errors.brake.window": 20, "errors.brake.percent": 50,
    });
    worker.make("braked", &braked);
    let comes_to = |name: &str, state: &str| {
        let path = format!("/connectors/{name}/status");
        wait_until(&format!("{name} to be {state}"), || {
            worker.ask("GET", &path, None).1["tasks"][0]["state"] == state
        });
        worker.ask("GET", &path, None).1
    };
    is_told(&comes_to("away", "DEGRADED"), "DEGRADED", "refused", begun_ms);
    let halted = comes_to("braked", "HALTED");
    is_told(&halted, "HALTED", "errors.brake.percent", begun_ms);

    // Another worker tells the same, which it knows from the topic; and it does not try again by itself.
    let other = Running::start(&["connect", "worker", &properties(dir.path(), "two", "states", "")]);
    assert_eq!(other.ask("GET", "/connectors/braked/status", None), (200, halted));
}

/// A broker that is killed when this is dropped, stopped or not.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_worker_that_is_cut_off_is_not_healthy_runs_nothing_and_goes_on_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    std::fs::write(&input, "before\n").unwrap();
    let data = dir.path().join("data").display().to_string();
    let (broker, _output, address) = crate::server::start(&data, "127.0.0.1:0");
    let broker = Broker(broker);
    let file = properties(dir.path(), "one", "cut-off", &format!("bootstrap.servers={address}"));
    let worker = Running::start(&["connect", "worker", &file]);
    worker.make("in", &json!({"connector.class": "file-source", "file": input, "topic": "cut-off"}));
    worker.make("out", &json!({"connector.class": "file-sink", "file": output, "topics": "cut-off"}));
    let there = || std::fs::read_to_string(&output).unwrap_or_default();
    wait_until("the first line", || there() == "before\n");
    let health = || worker.ask("GET", "/health", None);
    assert_eq!((health().0, &health().1["status"]), (200, &json!("healthy")));

    signal(&broker.0, "STOP");
    wait_until("a worker that is cut off", || health().0 == 503);
    let told = health().1;
    assert_eq!(told["status"], "unhealthy", "{told}");
    assert!(told["message"].as_str().unwrap().contains("cut off from its cluster"), "{told}");
    wait_until("a warning", || worker.log().contains("cut off from its cluster"));
    let status = worker.ask("GET", "/connectors/in/status", None).1;
    std::fs::write(&input, "before\nafter\n").unwrap();

    signal(&broker.0, "CONT");
    wait_until("a worker that is well again", || health().0 == 200);
    wait_until("the second line", || there().ends_with("after\n"));
    assert_ne!(status["tasks"][0]["state"], "HALTED", "{status}");
}

#[test]
fn workers_that_call_themselves_the_same_are_told_how_to_differ_and_share_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out.txt"));
    std::fs::write(&input, "one\ntwo\n").unwrap();
    let same = "rest.advertised.address=worker:8083";
    let workers = ["one", "two"]
        .map(|name| Running::start(&["connect", "worker", &properties(dir.path(), name, "namesakes", same)]));
    workers[0].make("in", &json!({"connector.class": "file-source", "file": input, "topic": "namesakes"}));
    workers[1].make("out", &json!({"connector.class": "file-sink", "file": output, "topics": "namesakes"}));
    for worker in &workers {
        wait_until("a warning", || worker.log().contains("calls itself worker:8083 too"));
        assert!(worker.log().contains("rest.advertised.host.name"));
    }
    let there = || std::fs::read_to_string(&output).unwrap_or_default();
    wait_until("all lines", || there() == "one\ntwo\n");
}
