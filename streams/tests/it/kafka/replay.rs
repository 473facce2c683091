//! The dialogue of a recorded run with our driver, written as the oracle writes it.

use std::fmt::Write as _;
use std::time::Duration;

use millstream::data::DataError;
use millstream::prelude::*;
use millstream::processor::{Header, Headers};
use millstream::serde::{Native, Serde};
use millstream::testing::TestError;
use millstream::topology::Subtopology;

/// Sends the inputs of `recorded` and returns the whole.
pub(super) fn replay(topology: &Topology, recorded: &str) -> String {
    let mut dialogue = String::new();
    if converse(topology, recorded, &mut dialogue).is_err() {
        dialogue.push_str("fails\n");
    }
    dialogue
}

fn converse(topology: &Topology, recorded: &str, dialogue: &mut String) -> Result<(), TestError> {
    let mut driver = TestDriver::new(topology)?;
    let topics = outputs(topology, recorded);
    for line in recorded.lines() {
        if let Some(by) = line.strip_prefix("clock ") {
            writeln!(dialogue, "{line}").unwrap();
            driver.advance_wall_clock(Duration::from_millis(by.parse().unwrap()))?;
        } else if let Some(record) = line.strip_prefix("in ") {
            writeln!(dialogue, "{line}").unwrap();
            send(&mut driver, record)?;
        } else {
            continue;
        }
        for topic in &topics {
            show_output(&mut driver, topic, dialogue);
        }
    }
    for store in stores(topology) {
        for entry in entries(&driver, &store) {
            writeln!(dialogue, "store {store} {entry}").unwrap();
        }
    }
    // On the way to a repartition topic Kafka does not count what it drops; we do.
    let is_repartition = |topic: &String| topic.ends_with("-repartition");
    match recorded.lines().last().filter(|_| topics.iter().any(is_repartition)) {
        Some(dropped) => writeln!(dialogue, "{dropped}").unwrap(),
        None => writeln!(dialogue, "dropped {}", driver.dropped_records()).unwrap(),
    }
    Ok(())
}

/// Sends a record written as `TOPIC KEY|VALUE|TIME|HEADERS`.
pub(crate) fn send(driver: &mut TestDriver, record: &str) -> Result<(), TestError> {
    let (topic, record) = record.split_once(' ').unwrap();
    let parts: Vec<&str> = record.split('|').collect();
    let topic: Topic<Option<String>, Option<String>> = Topic::with(topic.to_owned(), Native, Native);
    let nullable = |text: &str| (text != "null").then(|| text.to_owned());
    let mut input = driver.input(topic).at(parts[2].parse().unwrap()).headers(headers(parts.get(3).copied()));
    input.send(nullable(parts[0]), nullable(parts[1]))
}

/// Headers as the oracle writes them: `name=value;name=value`, a null without its sign.
fn headers(text: Option<&str>) -> Headers {
    let mut headers = Headers::default();
    for header in text.into_iter().flat_map(|text| text.split(';')) {
        match header.split_once('=') {
            Some((name, value)) => headers.push(name, Some(value.into())),
            None => headers.push(header, None),
        }
    }
    headers
}

/// The topics that were written to, those named by the records themselves included, in the order of their names in the
/// cluster.
fn outputs(topology: &Topology, recorded: &str) -> Vec<String> {
    let of_part = |part: &Subtopology| {
        let changelogs = part.stores.iter().filter_map(|store| store.changelog.clone());
        part.sinks.iter().cloned().chain(changelogs).collect::<Vec<_>>()
    };
    let ours = topology.subtopologies().iter().flat_map(of_part);
    let mut names: Vec<(String, String)> =
        ours.map(|name| (name.resolve("app"), name.as_str().to_owned())).collect();
    for line in recorded.lines().filter_map(|line| line.strip_prefix("out ")) {
        let name = line.split(' ').next().unwrap();
        if !names.iter().any(|(_, known)| known == name) {
            names.push((name.to_owned(), name.to_owned()));
        }
    }
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

fn show_output(driver: &mut TestDriver, topic: &str, dialogue: &mut String) {
    let output = Topic::<String, String>::with(topic.to_owned(), Shown, Shown);
    for record in driver.output(output).drain() {
        let Record { key, value, timestamp, headers } = record;
        writeln!(dialogue, "out {topic} {key}|{value}|{timestamp}{}", shown(&headers)).unwrap();
    }
}

pub(crate) fn shown(headers: &Headers) -> String {
    let header = |header: &Header| match &header.value {
        Some(value) => format!("{}={}", header.name, String::from_utf8_lossy(value)),
        None => header.name.clone(),
    };
    let all: Vec<String> = headers.iter().map(header).collect();
    if all.is_empty() { String::new() } else { format!("|{}", all.join(";")) }
}

/// Bytes as the oracle shows them.
struct Shown;

impl Serde<String> for Shown {
    fn encode(&self, _value: &String, _out: &mut Vec<u8>) -> Result<bool, DataError> {
        unreachable!("outputs are only read")
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<String, DataError> {
        let byte = |byte: &u8| match byte {
            b'|' | b'\\' => format!("\\{byte:02x}"),
            b' '..=b'~' => char::from(*byte).to_string(),
            _ => format!("\\{byte:02x}"),
        };
        Ok(match bytes {
            None => "null".into(),
            Some(number @ [0, ..]) if number.len() == 8 => format!("#{}", i64::decode(number)?),
            Some(text) => text.iter().map(byte).collect(),
        })
    }
}

fn stores(topology: &Topology) -> Vec<String> {
    let parts = topology.subtopologies().iter().chain(topology.globals());
    let stores = parts.flat_map(|part| &part.stores);
    let mut names: Vec<_> = stores.map(|store| store.name.clone()).collect();
    names.sort();
    names
}

/// The entries of a store of texts or of numbers.
fn entries(driver: &TestDriver, name: &str) -> Vec<String> {
    fn show<K: ToString, V: ToString>(entries: Vec<(K, V)>) -> Vec<String> {
        entries.into_iter().map(|(key, value)| format!("{}|{}", key.to_string(), value.to_string())).collect()
    }
    if let Ok(texts) = driver.store(KeyValueStore::<String, String>::from(name.to_owned())) {
        return show(texts.all().unwrap());
    }
    if let Ok(numbers) = driver.store(KeyValueStore::<String, i64>::from(name.to_owned())) {
        return show(numbers.all().unwrap());
    }
    if let Ok(texts) = driver.store(WindowStore::<String, String>::from(name.to_owned())) {
        return show(texts.all().unwrap());
    }
    show(driver.store(WindowStore::<String, i64>::from(name.to_owned())).unwrap().all().unwrap())
}

/// The text of a topology, with the extractors of topic names called as the oracle calls its own.
pub(super) fn described(topology: &Topology) -> String {
    let text = topology.describe().to_string();
    let line = |line: &str| match line.split_once("(extractor class: ") {
        Some((before, _)) => format!("{before}(extractor class: EXTRACTOR)\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn bytes_are_shown_without_loss() {
    let show = |bytes| Shown.decode(bytes).unwrap();
    assert_eq!(show(None), "null");
    assert_eq!(show(Some(&[0, 0, 0, 0, 0, 0, 1, 2])), "#258");
    assert_eq!(show(Some(b"a |\\\xe9")), "a \\7c\\5c\\e9");
}
