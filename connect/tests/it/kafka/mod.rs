//! Converters, transforms and predicates beside Kafka Connect's own.
//!
//! `tests/data/kafka.txt.gz` is what Kafka Connect 4.3.1 says to some thousands of cases: grids by hand, then random records,
//! schemas and configurations. `tests/oracle` wrote it, and is asked again where Java is.

mod answer;
mod codec;
mod differences;

use flate2::read::GzDecoder;
use millstream_tests::java::run_sources;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn recorded() -> String {
    let packed = fs::read(folder("data/kafka.txt.gz")).unwrap();
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn every_answer_is_kafkas() {
    let mut wrong = Vec::new();
    let mut differ: BTreeMap<&str, u32> = BTreeMap::new();
    let mut asked = 0;
    for line in recorded().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let (theirs, ours) = (codec::plain(case["answer"].clone()), codec::plain(answer::to(&case)));
        asked += 1;
        if ours == theirs {
            continue;
        }
        match differences::known(&case, &theirs, &ours) {
            Some(known) => *differ.entry(known).or_default() += 1,
            None => wrong.push(format!("{line}\n  ours: {ours}")),
        }
    }
    assert!(asked > 5_000, "{asked} cases");
    assert!(
        wrong.is_empty(),
        "{} of {asked} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    let unseen = differences::ALL.iter().filter(|known| !differ.contains_key(*known));
    assert_eq!(unseen.collect::<Vec<_>>(), Vec::<&&str>::new(), "differences that no case shows any more");
}

#[test]
fn kafka_still_says_what_is_recorded() {
    let recorded = recorded();
    let Some(lines) = run_sources(&folder("oracle"), "Oracle", &recorded).unwrap() else { return };
    let again: Vec<_> = recorded.lines().collect();
    assert_eq!(lines.len(), again.len());
    for (says, said) in lines.iter().zip(again) {
        assert_eq!(says, said);
    }
}
