//! The same programs in Kafka Streams and here: the topology's text, the records out, their times and their order.
//!
//! `tests/data/kafka/NAME.txt` is what Kafka Streams 4.3.1 said (`tests/data/kafka/Oracle.java` writes the files): the text of
//! `Topology.describe()`, a line `---`, then what its `TopologyTestDriver` was given (`in`) and what came out (`out`, key and
//! value in hexadecimal).

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use millstream::data::{Data, DataError};
use millstream::prelude::*;
use millstream::serde::{Native, Serde};

use super::programs::PROGRAMS;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/kafka")
}

/// Bytes as hexadecimal text, null as `null`.
struct Hex;

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
    let sinks = sinks(topology);
    let mut dialogue = String::new();
    for line in run.lines().filter(|line| line.starts_with("in ")) {
        writeln!(dialogue, "{line}").unwrap();
        let (topic, record) = line[3..].split_once(' ').unwrap();
        let [key, value, timestamp] = record.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let topic: Topic<Option<String>, Option<String>> = Topic::with(topic.to_owned(), Native, Native);
        let nullable = |text: &str| (text != "null").then(|| text.to_owned());
        let mut input = driver.input(topic).at(timestamp.parse().unwrap());
        input.send(nullable(key), nullable(value)).unwrap();
        for sink in &sinks {
            let output = Topic::<String, String>::with(sink.clone(), Hex, Hex);
            for record in driver.output(output).drain() {
                let Record { key, value, timestamp, .. } = record;
                writeln!(dialogue, "out {sink} {key}|{value}|{timestamp}").unwrap();
            }
        }
    }
    dialogue
}

fn sinks(topology: &Topology) -> Vec<String> {
    let names = topology.subtopologies().iter().flat_map(|part| &part.sinks);
    let mut names: Vec<_> = names.filter(|name| !name.is_internal()).map(|name| name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn programs_behave_as_in_kafka_streams() {
    let mut failures = String::new();
    for (name, program) in PROGRAMS {
        let expected = fs::read_to_string(data().join(format!("{name}.txt"))).unwrap();
        let (text, run) = expected.split_once("---\n").unwrap();
        let builder = StreamsBuilder::new();
        program(&builder);
        let topology = builder.build().unwrap();
        let (described, dialogue) = (topology.describe().to_string(), replay(&topology, run));
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
        let known = PROGRAMS.iter().any(|(program, _)| *program == name);
        assert!(known || path.extension().unwrap() == "java", "{name}");
    }
}

#[test]
fn null_is_the_only_text_that_is_no_hexadecimal() {
    assert_eq!(Hex.decode(None).unwrap(), "null");
    assert_eq!(Hex.decode(Some(&[0, 0xab])).unwrap(), "00ab");
    assert!(<Option<String> as Data>::from_present(None).unwrap().is_none());
}
