//! The same programs in Kafka Streams and here: the topology's text, the records out, their times, headers and order, and
//! what the stores hold, each with and without optimisations.
//!
//! What Kafka Streams 4.3.1 says lies in `tests/data`, written by `tests/oracle`, whose Oracle.java says how. Another record may
//! be judged by `KAFKA_RECORD=FILE cargo test kafka`.

mod cases;
mod operators;
mod processors;
mod programs;
mod record;
pub(crate) mod replay;
mod words;

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use millstream::prelude::*;
use millstream::topology::Optimization;

use self::record::{Recorded, Said};

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    read(&path)
}

fn read(path: &Path) -> String {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return fs::read_to_string(path).unwrap();
    }
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// What this library says of a program, if it can be built.
fn said(recorded: &Recorded<'_>, optimizations: Option<Optimization>, expected: &Said) -> Said {
    let builder = StreamsBuilder::new();
    match recorded.name() {
        Some(name) => programs::draw(&builder, name),
        None => operators::draw(&builder, recorded.program),
    }
    let Ok(topology) = builder.build() else {
        return Said { text: String::new(), dialogue: "fails\n".into() };
    };
    let topology = match optimizations {
        Some(optimizations) => topology.optimized(optimizations),
        None => topology,
    };
    Said { text: replay::described(&topology), dialogue: replay::replay(&topology, &expected.dialogue) }
}

fn compare(record: &str) {
    let (mut failures, mut failed, mut total) = (String::new(), 0, 0);
    for recorded in record::programs(record) {
        total += 1;
        let plain = said(&recorded, None, &recorded.plain);
        // What Kafka Streams cannot optimise must still say the same.
        let expected = recorded.optimised.as_ref().unwrap_or(&recorded.plain);
        let optimised = said(&recorded, Some(Optimization::ALL), expected);
        let (optimised, expected) = match recorded.optimised {
            Some(_) => (optimised, expected.clone()),
            None => (optimised.to_the_user(), expected.to_the_user()),
        };
        let differing = [("plain", plain, &recorded.plain), ("optimised", optimised, &expected)];
        let Some((how, said, expected)) = differing
            .into_iter()
            .find(|(_, said, expected)| recorded.comparable(said) != recorded.comparable(expected))
        else {
            continue;
        };
        failed += 1;
        writeln!(failures, "{}{how}, expected\n{expected}got\n{said}", recorded.program).unwrap();
    }
    assert!(failed == 0, "{failed} of {total} programs differ:\n{failures}");
}

#[test]
fn programs_by_hand_behave_as_in_kafka_streams() {
    compare(&data("programs.txt"));
}

#[test]
fn random_programs_behave_as_in_kafka_streams() {
    match std::env::var_os("KAFKA_RECORD") {
        Some(path) => compare(&read(Path::new(&path))),
        None => compare(&data("random.txt.gz")),
    }
}

#[test]
fn every_program_by_hand_is_recorded() {
    let record = data("programs.txt");
    let recorded: Vec<_> = record::programs(&record).filter_map(|program| program.name()).collect();
    for name in programs::names() {
        assert!(recorded.contains(&name), "{name}");
    }
}
