//! The same program on Apache Kafka.

use std::thread::sleep;
use std::time::Duration;

use millstream_tests::kafka::Kafka;

use crate::counts::{NOVEL, assert_same, beyond, truth};
use crate::evidence::{CHANGELOG, Evidence, REPARTITION};
use crate::ledger::Ledger;
use crate::program::{KEEP_REPARTITIONED, Program, run};
use crate::query::ask_for_all;

/// Deaths that one run survives.
const KILLS: i64 = 3;

/// Members that vanish are given up soon.
const IMPATIENT: [&str; 4] = ["--set", "session.timeout.ms=6000", "--set", "heartbeat.interval.ms=500"];

const WORDS: i64 = 214_403;

/// Lines in the first half of the novel.
const HALF: usize = 10_700;

#[test]
fn counts_are_right_and_state_comes_back_from_the_changelog() {
    let Some(kafka) = Kafka::start().unwrap() else { return };
    let on_kafka = ["--bootstrap", kafka.bootstrap()];
    let data = tempfile::tempdir().unwrap();
    let purging = ["--set", "repartition.purge.interval.ms=100"];
    let printed = run(data.path(), &[on_kafka, purging].concat());
    assert!(printed.contains("214403 of 214403 words (100 %), 16683 distinct"), "{printed}");

    let evidence = Evidence::on(kafka.bootstrap());
    assert_same("the last totals", &evidence.totals(), &truth());
    let repartitioned = evidence.ends(REPARTITION);
    assert_eq!(repartitioned.iter().sum::<i64>(), WORDS);
    assert!(evidence.starts(REPARTITION).iter().all(|start| *start > 0), "nothing was purged");
    assert_eq!(evidence.config(CHANGELOG, "cleanup.policy"), "compact");
    assert_eq!(evidence.config(REPARTITION, "cleanup.policy"), "delete");
    assert_eq!(evidence.config(REPARTITION, "retention.ms"), "-1");
    assert_eq!(evidence.config(REPARTITION, "segment.bytes"), "52428800");

    std::fs::remove_dir_all(data.path().join("state")).unwrap();
    let mut program = Program::start(data.path(), &[on_kafka, ["--no-input", "--keep-running"]].concat());
    let address = program.query_address();
    assert_same("the answers", &ask_for_all(&address), &truth());
    assert!(program.kill());
    assert_eq!(evidence.ends(REPARTITION), repartitioned, "lines were read again");
}

#[test]
fn a_process_that_is_killed_loses_no_word_and_repeats_only_what_was_uncommitted() {
    let Some(kafka) = Kafka::start().unwrap() else { return };
    let arguments = [["--bootstrap", kafka.bootstrap()], KEEP_REPARTITIONED].concat();
    let evidence = Evidence::on(kafka.bootstrap());
    let data = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    for nth in 1..=KILLS {
        let mut program = Program::start(data.path(), &arguments);
        let target = WORDS * nth / (KILLS + 1);
        let progressed = program.runs_until(|| evidence.ends(REPARTITION).iter().sum::<i64>() >= target);
        assert!(program.kill() && progressed, "the program was done before death {nth}");
        wait_for_the_last_words(&evidence);
        ledger.note_a_death(&evidence, NOVEL);
    }
    run(data.path(), &arguments);
    let excess = beyond("the last totals", &evidence.totals(), &truth());
    assert_same("the words too many", &excess, &ledger.excess());
}

#[test]
fn two_instances_share_the_work_and_one_goes_on_when_the_other_is_killed() {
    let Some(kafka) = Kafka::start().unwrap() else { return };
    let bootstrap = ["--bootstrap", kafka.bootstrap()];
    let arguments = [&bootstrap[..], &IMPATIENT, &["--no-input", "--keep-running"]].concat();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut victim = Program::start(one.path(), &arguments);
    let mut survivor = Program::start(two.path(), &arguments);
    let evidence = Evidence::on(kafka.bootstrap());
    assert!(victim.runs_until(|| evidence.shares() == [2, 2]));

    evidence.feed(NOVEL.lines().take(HALF));
    assert!(victim.runs_until(|| evidence.ends(REPARTITION).iter().sum::<i64>() > WORDS / 4));
    assert!(victim.kill());
    evidence.feed(NOVEL.lines().skip(HALF));
    assert!(survivor.runs_until(|| evidence.shares() == [4] && evidence.is_counted()));
    beyond("the last totals", &evidence.totals(), &truth());
    beyond("the changelog", &evidence.changelog(), &truth());
    assert_same("the answers", &ask_for_all(&survivor.query_address()), &evidence.changelog());
}

/// What a dead process has handed to its sockets the cluster still takes in.
fn wait_for_the_last_words(evidence: &Evidence) {
    let ends = || (evidence.ends(REPARTITION), evidence.ends(CHANGELOG));
    let mut seen = ends();
    loop {
        sleep(Duration::from_millis(300));
        let now = ends();
        if now == seen {
            return;
        }
        seen = now;
    }
}
