//! What a death costs: the stores are on disk but for a bounded part, and only that is read again from the changelogs.

use std::process::Command;

use millstream_tests::process::Process;

use crate::evidence::{CHANGELOG, Exhumed, PARTITIONS, bytes_of};
use crate::program::Program;

/// What a task may be ahead of its disk, in changelog records.
const FLUSH_RECORDS: i64 = 5_000;

/// Records that `buffer.memory` has room for, at 17 bytes or more each: so many may not be acknowledged when the disk is written.
const IN_FLIGHT: i64 = 16_000;

/// What the changelogs take when there is enough to be replayed.
const CHANGELOG_BYTES: u64 = 3_000_000;

/// Without a cache every word is a record of the changelog; without commits only the bound makes a store go to disk.
const SETTINGS: [&str; 10] = [
    "--set",
    "commit.interval.ms=86400000",
    "--set",
    "statestore.cache.max.bytes=0",
    "--set",
    "state.flush.records=5000",
    "--set",
    "buffer.memory=262144",
    "--set",
    "linger.ms=5",
];

#[test]
fn after_a_death_no_more_is_replayed_than_was_not_flushed() {
    let data = tempfile::tempdir().unwrap();
    let mut program = Program::start(data.path(), &SETTINGS);
    assert!(program.runs_until(|| bytes_of(data.path(), CHANGELOG) > CHANGELOG_BYTES));
    assert!(program.kill());
    let exhumed = Exhumed::open(data.path());
    let written = exhumed.evidence.ends(CHANGELOG);
    exhumed.close();
    let bound = FLUSH_RECORDS + IN_FLIGHT;
    assert!(written.iter().all(|end| *end > 2 * bound), "{written:?}: nothing is tested");

    let mut again = Command::new(env!("CARGO_BIN_EXE_word_count"));
    again.arg("--data").arg(data.path()).args(SETTINGS).arg("--no-input");
    again.env("RUST_LOG", "millstream=info").env("NO_COLOR", "1");
    let program = Process::spawn(&mut again).unwrap();
    let restored = program.wait_for_lines(PARTITIONS as usize, |line| line.contains(" restored ")).unwrap();
    let replayed: Vec<i64> = restored.iter().map(|line| field(line, "records=")).collect();
    assert!(replayed.iter().all(|records| *records <= bound), "{replayed:?} of {written:?}");
}

fn field(line: &str, name: &str) -> i64 {
    line.split_once(name).unwrap().1.split(' ').next().unwrap().parse().unwrap()
}
