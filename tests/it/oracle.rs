//! Whether Kafka Streams still says what `streams/tests/data` has it say.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use flate2::read::GzDecoder;
use millstream_tests::java;

fn streams_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../streams/tests")
}

/// How many programs Kafka Streams is asked about at once: a busy machine answers them well within a test's patience.
const AT_ONCE: usize = 100;

fn confirm(record: &str) -> Result<()> {
    let programs: Vec<&str> = record.split_inclusive("====\n").collect();
    for programs in programs.chunks(AT_ONCE) {
        let record = programs.concat();
        let Some(said) = java::run_sources(&streams_tests().join("oracle"), "Oracle", &record)? else {
            return Ok(());
        };
        for (said, recorded) in said.iter().zip(record.lines()) {
            ensure!(said == recorded, "{said:?} instead of {recorded:?}");
        }
        ensure!(
            said.len() == record.lines().count(),
            "{} lines instead of {}",
            said.len(),
            record.lines().count()
        );
    }
    Ok(())
}

#[test]
fn kafka_streams_says_of_the_programs_by_hand_what_is_recorded() -> Result<()> {
    confirm(&fs::read_to_string(streams_tests().join("data/programs.txt"))?)
}

#[test]
fn kafka_streams_says_of_its_own_cases_what_is_recorded() -> Result<()> {
    confirm(&fs::read_to_string(streams_tests().join("data/cases.txt"))?)
}

#[test]
fn kafka_streams_says_of_the_random_programs_what_is_recorded() -> Result<()> {
    let mut record = String::new();
    GzDecoder::new(File::open(streams_tests().join("data/random.txt.gz"))?).read_to_string(&mut record)?;
    confirm(&record)
}
