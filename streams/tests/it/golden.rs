//! The same programs in Kafka Streams and here: the topology's text, the records out, their times and their order.
//!
//! `tests/data/kafka/NAME.txt` is what Kafka Streams 4.3.1 said (`tests/data/kafka/Oracle.java` writes the files): the text of
//! `Topology.describe()`, a line `---`, then what its `TopologyTestDriver` was given (`in`), what was written to every topic,
//! repartition topics and changelogs included (`out`, key and value in hexadecimal), and what the stores held at the end.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use millstream::data::{Data, DataError};
use millstream::prelude::*;
use millstream::processor::{Header, Headers};
use millstream::serde::{Native, Serde};
use millstream::topology::Subtopology;

use super::programs::PROGRAMS;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/kafka")
}

/// Bytes as hexadecimal text, null as `null`.
pub(crate) struct Hex;

impl Serde<String> for Hex {
    fn encode(&self, _value: &String, _out: &mut Vec<u8>) -> Result<bool, DataError> {
        unreachable!("outputs are only read")
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<String, DataError> {
        Ok(bytes.map_or("null".into(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

/// Sends the inputs of `run` and returns the whole dialogue as the oracle writes it.
fn replay(topology: &Topology, run: &str) -> String {
    let mut driver = TestDriver::new(topology).unwrap();
    let mut topics = written(topology);
    for line in run.lines().filter_map(|line| line.strip_prefix("out ")) {
        let topic = line.split(' ').next().unwrap().to_owned();
        // A topic that the records themselves have named.
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    let mut dialogue = String::new();
    for line in run.lines().filter(|line| line.starts_with("in ") || line.starts_with("clock ")) {
        writeln!(dialogue, "{line}").unwrap();
        if let Some(by) = line.strip_prefix("clock ") {
            driver.advance_wall_clock(Duration::from_millis(by.parse().unwrap())).unwrap();
            show_outputs(&mut driver, &topics, &mut dialogue);
            continue;
        }
        let (topic, record) = line[3..].split_once(' ').unwrap();
        let mut record = record.split('|');
        let mut next = || record.next().unwrap_or_else(|| panic!("{line}"));
        let (key, value, timestamp) = (next(), next(), next());
        let topic: Topic<Option<String>, Option<String>> = Topic::with(topic.to_owned(), Native, Native);
        let nullable = |text: &str| (text != "null").then(|| text.to_owned());
        let headers = headers(record.next());
        let mut input = driver.input(topic).at(timestamp.parse().unwrap()).headers(headers);
        input.send(nullable(key), nullable(value)).unwrap();
        show_outputs(&mut driver, &topics, &mut dialogue);
    }
    for store in stores(topology) {
        for (key, value) in entries(&driver, &store) {
            writeln!(dialogue, "store {store} {key}|{value}").unwrap();
        }
    }
    dialogue
}

fn show_outputs(driver: &mut TestDriver, topics: &[String], dialogue: &mut String) {
    for topic in topics {
        let output = Topic::<String, String>::with(topic.clone(), Hex, Hex);
        for record in driver.output(output).drain() {
            let Record { key, value, timestamp, headers } = record;
            writeln!(dialogue, "out {topic} {key}|{value}|{timestamp}{}", shown(&headers)).unwrap();
        }
    }
}

/// Headers as the oracle writes them: `name=value;name=value`, a null without its sign.
pub(crate) fn headers(text: Option<&str>) -> Headers {
    let mut headers = Headers::default();
    for header in text.into_iter().flat_map(|text| text.split(';')) {
        match header.split_once('=') {
            Some((name, value)) => headers.push(name, Some(value.into())),
            None => headers.push(header, None),
        }
    }
    headers
}

pub(crate) fn shown(headers: &Headers) -> String {
    let header = |header: &Header| match &header.value {
        Some(value) => format!("{}={}", header.name, String::from_utf8_lossy(value)),
        None => header.name.clone(),
    };
    let all: Vec<String> = headers.iter().map(header).collect();
    if all.is_empty() { String::new() } else { format!("|{}", all.join(";")) }
}

/// The text of a topology, with the extractors of topic names called as the oracle calls its own.
fn described(topology: &Topology) -> String {
    let text = topology.describe().to_string();
    let line = |line: &str| match line.split_once("(extractor class: ") {
        Some((before, _)) => format!("{before}(extractor class: EXTRACTOR)\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The programs, and those that run once more with headers on their inputs.
fn programs() -> impl Iterator<Item = (String, fn(&StreamsBuilder))> {
    PROGRAMS.iter().flat_map(|(name, program)| {
        let with_headers = format!("headers_{name}");
        let is_there = data().join(format!("{with_headers}.txt")).exists();
        [Some(((*name).to_owned(), *program)), is_there.then_some((with_headers, *program))]
            .into_iter()
            .flatten()
    })
}

/// The topics that the topology writes to, in the order of their names in the cluster.
pub(crate) fn written(topology: &Topology) -> Vec<String> {
    let of_part = |part: &Subtopology| {
        let changelogs = part.stores.iter().filter_map(|store| store.changelog.clone());
        part.sinks.iter().cloned().chain(changelogs).collect::<Vec<_>>()
    };
    let mut names: Vec<_> = topology.subtopologies().iter().flat_map(of_part).collect();
    names.sort_by_key(|name| name.resolve("app"));
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn stores(topology: &Topology) -> Vec<String> {
    let parts = topology.subtopologies().iter().chain(topology.globals());
    let stores = parts.flat_map(|part| &part.stores);
    let mut names: Vec<_> = stores.map(|store| store.name.clone()).collect();
    names.sort();
    names
}

/// The entries of a store of texts or of numbers.
fn entries(driver: &TestDriver, name: &str) -> Vec<(String, String)> {
    if let Ok(texts) = driver.store(KeyValueStore::<String, String>::from(name.to_owned())) {
        return texts.all().unwrap();
    }
    let numbers = driver.store(KeyValueStore::<String, i64>::from(name.to_owned())).unwrap();
    numbers.all().unwrap().into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

#[test]
fn programs_behave_as_in_kafka_streams() {
    let mut failures = String::new();
    for (name, program) in programs() {
        let expected = fs::read_to_string(data().join(format!("{name}.txt"))).unwrap();
        let (text, run) = expected.split_once("---\n").unwrap();
        let builder = StreamsBuilder::new();
        program(&builder);
        let topology = builder.build().unwrap();
        let (described, dialogue) = (described(&topology), replay(&topology, run));
        if described != text {
            writeln!(failures, "{name}: expected\n{text}\ngot\n{described}").unwrap();
        }
        if dialogue != run {
            writeln!(failures, "{name}: expected\n{run}\ngot\n{dialogue}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_fixture_has_its_program() {
    for file in fs::read_dir(data()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let known = programs().any(|(program, _)| program == name);
        assert!(known || path.extension().unwrap() == "java", "{name}");
    }
}

#[test]
fn null_is_the_only_text_that_is_no_hexadecimal() {
    assert_eq!(Hex.decode(None).unwrap(), "null");
    assert_eq!(Hex.decode(Some(&[0, 0xab])).unwrap(), "00ab");
    assert!(<Option<String> as Data>::from_present(None).unwrap().is_none());
}
