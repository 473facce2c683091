use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::counts::{NOVEL, assert_same, beyond, of_lines, truth};
use crate::evidence::{Exhumed, REPARTITION, bytes_of};
use crate::ledger::Ledger;
use crate::program::{KEEP_REPARTITIONED, Program, run};
use crate::query::ask_for_all;

/// Deaths that one run survives.
const KILLS: u64 = 6;

/// So often the novel is counted, for all of them to come before the end.
const NOVELS: usize = 3;

/// Bytes of words that a process sends on, at most, before it dies.
const MAX_SENT: u64 = 500_000;

#[test]
fn a_process_that_is_killed_loses_no_word_and_repeats_only_what_was_uncommitted() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let data = tempfile::tempdir().unwrap();
    let (text, input) = (NOVEL.repeat(NOVELS), data.path().join("text"));
    std::fs::write(&input, &text).unwrap();
    let arguments = [&KEEP_REPARTITIONED[..], &["--input", input.to_str().unwrap()]].concat();
    let mut kills = 0;
    let mut ledger = Ledger::default();
    for nth in 0..KILLS {
        let mut program = Program::start(data.path(), &arguments);
        let sent = || bytes_of(data.path(), "word-counts-repartition");
        let committed = || bytes_of(data.path(), "__consumer_offsets");
        let before = sent();
        let mut progressed = program.runs_until(|| sent() > before);
        // Half of them die before their first commit. Nothing else is written there once words are sent.
        if nth % 2 == 1 {
            let before = committed();
            progressed &= program.runs_until(|| committed() > before);
        }
        let target = sent() + random.random_range(0..MAX_SENT);
        progressed &= program.runs_until(|| sent() >= target);
        if !(program.kill() && progressed) {
            break;
        }
        kills += 1;
        let exhumed = Exhumed::open(data.path());
        ledger.note_a_death(&exhumed.evidence, &text);
        exhumed.close();
    }
    assert!(kills > KILLS / 2, "the program was done after {kills} kills");

    run(data.path(), &arguments);
    let exhumed = Exhumed::open(data.path());
    let totals = exhumed.evidence.totals();
    exhumed.close();
    let excess = beyond("the last totals", &totals, &of_lines(text.lines()));
    println!("{kills} kills, {} words too many", excess.values().sum::<i64>());
    assert_same("the words too many", &excess, &ledger.excess());
}

#[test]
fn state_comes_back_from_the_changelog_without_reading_the_input_again() {
    let data = tempfile::tempdir().unwrap();
    let printed = run(data.path(), &[]);
    assert!(printed.contains("214403 of 214403 words (100 %), 16683 distinct"), "{printed}");
    let exhumed = Exhumed::open(data.path());
    assert_same("the last totals", &exhumed.evidence.totals(), &truth());
    let repartitioned = exhumed.evidence.ends(REPARTITION);
    exhumed.close();

    std::fs::remove_dir_all(data.path().join("state")).unwrap();
    let mut program = Program::start(data.path(), &["--no-input", "--keep-running"]);
    let address = program.query_address();
    assert_same("the answers", &ask_for_all(&address), &truth());
    assert!(program.kill());
    let exhumed = Exhumed::open(data.path());
    assert_eq!(exhumed.evidence.ends(REPARTITION), repartitioned, "lines were read again");
    exhumed.close();
}
