//! A worker that comes to the topics of a cluster of Kafka Connect goes on with what it finds there.

use super::{Action, Event, Machine, Note, Now, Timing, Topic};
use crate::herder::{ConnectorType, TargetState};

const TIMING: Timing =
    Timing { heartbeat_ms: 100, session_ms: 1_000, margin_ms: 250, rebalance_delay_ms: 1_000 };

/// What Kafka Connect 4.3.1 had written when it had made its connector and its task.
fn recorded() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all =
        include_str!("../records/recorded/configs.tsv").lines().filter_map(|line| line.split_once('\t'));
    // The session key, the connector, its task and their commit.
    all.take(4)
}

#[test]
fn what_kafka_connect_ran_is_run() {
    let mut machine = Machine::new("w", 1, "1", TIMING);
    let mut now = Now::default();
    for (offset, (key, value)) in (0..).zip(recorded()) {
        let (key, value) = (key.to_owned(), Some(value.as_bytes().to_vec()));
        machine.handle(Event::Read { topic: Topic::Config, offset, key, value, note: Note::default() }, now);
    }
    let mut actions = machine.handle(Event::CaughtUp, now);
    let (mut started, mut offset) = (Vec::new(), 100);
    for _ in 0..20 {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Produce(write) => {
                    offset += 1;
                    let (key, value) = (write.bytes.key, write.bytes.value.map(String::into_bytes));
                    let read = Event::Read { topic: write.topic, offset, key, value, note: write.note };
                    actions.extend(machine.handle(read, now));
                }
                Action::Start(start) => started.push((start.id.to_string(), start.config["topic"].clone())),
                Action::Split { connector, .. } => panic!("{connector} had been split"),
                _ => {}
            }
        }
        now.ms += 50;
        actions.extend(machine.handle(Event::Tick, now));
    }
    assert_eq!(started, [("s-0".to_owned(), "script".to_owned())]);
    assert_eq!(machine.configs.target("s"), TargetState::Started);
    let info = machine.info("s", |_| ConnectorType::Source).unwrap();
    assert_eq!((info.config["tasks.max"].as_str(), info.tasks.len()), ("1", 1));
}
