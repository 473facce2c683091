use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::evidence::{Counts, Evidence, ask_for_all, truth};
use crate::program::{Program, run};

/// Deaths that one run survives.
const KILLS: u64 = 6;

/// Roughly what the words of the novel take in the repartition topic.
const REPARTITIONED_BYTES: u64 = 3_000_000;

#[test]
fn a_process_that_is_killed_loses_no_word_and_repeats_only_what_was_uncommitted() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let data = tempfile::tempdir().unwrap();
    let (mut kills, mut allowed_excess) = (0, 0);
    let mut repeated = 0;
    for nth in 0..KILLS {
        let mut program = Program::start(data.path(), &[]);
        let share = REPARTITIONED_BYTES / (KILLS + 1);
        let progressed = program.wait_for_progress(data.path(), share * nth + random.random_range(1..share));
        if !(program.kill() && progressed) {
            break;
        }
        kills += 1;
        let evidence = Evidence::open(data.path());
        // Words that lines have brought which will be read again: everything beyond the committed lines, less what earlier
        // deaths have left behind.
        let now_repeated = evidence.words_repartitioned() - evidence.words_committed();
        allowed_excess += (now_repeated - repeated) + evidence.words_uncounted();
        repeated = now_repeated;
        evidence.close();
    }
    assert!(kills > KILLS / 2, "the program was done after {kills} kills");

    run(data.path(), &[]);
    let evidence = Evidence::open(data.path());
    let totals = evidence.totals();
    assert_eq!(evidence.words_repartitioned() - evidence.words_committed(), repeated);
    evidence.close();
    let excess = excess(&totals, &truth());
    println!("{kills} kills, {excess} words too many, {allowed_excess} were uncommitted");
    assert!(excess <= allowed_excess, "{excess} words too many, {allowed_excess} were uncommitted");
}

#[test]
fn state_comes_back_from_the_changelog_without_reading_the_input_again() {
    let data = tempfile::tempdir().unwrap();
    let printed = run(data.path(), &[]);
    assert!(printed.contains("214403 of 214403 words (100 %), 16683 distinct"), "{printed}");
    let evidence = Evidence::open(data.path());
    assert_eq!(evidence.totals(), truth());
    let repartitioned = evidence.words_repartitioned();
    evidence.close();

    std::fs::remove_dir_all(data.path().join("state")).unwrap();
    let mut program = Program::start(data.path(), &["--no-input", "--keep-running"]);
    let address = program.query_address();
    assert_eq!(ask_for_all(&address), truth());
    assert!(program.kill());
    let evidence = Evidence::open(data.path());
    assert_eq!(evidence.words_repartitioned(), repartitioned, "lines were read again");
    evidence.close();
}

/// Words counted too often; panics where one was counted too rarely.
fn excess(counts: &Counts, truth: &Counts) -> i64 {
    let differences = truth.iter().map(|(word, expected)| {
        let counted = counts.get(word).copied().unwrap_or(0);
        assert!(counted >= *expected, "{word}: {counted} instead of {expected}");
        counted - expected
    });
    differences.sum()
}
