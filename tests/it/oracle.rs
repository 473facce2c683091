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

fn confirm(record: &str) -> Result<()> {
    let Some(said) = java::run_sources(&streams_tests().join("oracle"), "Oracle", record)? else {
        return Ok(());
    };
    ensure!(
        said.len() == record.lines().count(),
        "{} lines instead of {}",
        said.len(),
        record.lines().count()
    );
    for (number, (said, recorded)) in said.iter().zip(record.lines()).enumerate() {
        ensure!(said == recorded, "line {}: {said:?} instead of {recorded:?}", number + 1);
    }
    Ok(())
}

#[test]
fn kafka_streams_says_of_the_programs_by_hand_what_is_recorded() -> Result<()> {
    confirm(&fs::read_to_string(streams_tests().join("data/programs.txt"))?)
}

#[test]
fn kafka_streams_says_of_the_random_programs_what_is_recorded() -> Result<()> {
    let mut record = String::new();
    GzDecoder::new(File::open(streams_tests().join("data/random.txt.gz"))?).read_to_string(&mut record)?;
    confirm(&record)
}
