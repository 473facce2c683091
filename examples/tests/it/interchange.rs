//! The same program in Java and in Rust takes turns: each goes on where the other has stopped.

use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_tests::java::Java;

use crate::counts::{Counts, NOVEL, assert_same, of_lines};
use crate::evidence::Evidence;
use crate::program::run;

/// Lines that each turn counts.
const TURN: usize = 7_000;

#[test]
fn kafka_streams_for_java_and_this_library_go_on_where_the_other_stopped() {
    let config = BrokerConfig::ephemeral().set("group.initial.rebalance.delay.ms", "0").unwrap();
    let broker = Broker::start_blocking(config).unwrap();
    let bootstrap = broker.bootstrap();
    let Some(java) = Java::find(&bootstrap) else { return };
    let evidence = Evidence::on(&bootstrap);
    evidence.create_topics();
    let mut fed = 0;
    let mut feed = |evidence: &Evidence| -> Counts {
        evidence.feed(NOVEL.lines().skip(fed).take(TURN));
        fed += TURN;
        of_lines(NOVEL.lines().take(fed))
    };
    let in_java = |output: &str| {
        let lines = TURN.to_string();
        // It keeps its place in the group when it ends.
        let settings = ["application.id=word-count", "commit.interval.ms=100", "session.timeout.ms=6000"];
        java.program("peers.WordCount", &[&["lines", &lines, output], &settings[..]].concat()).unwrap();
        while !evidence.shares().is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let in_rust = || {
        let state = tempfile::tempdir().unwrap();
        run(state.path(), &["--bootstrap", &bootstrap, "--no-input"]);
    };

    let first = feed(&evidence);
    in_java("java-totals");
    assert_same("the changelog after Java's turn", &evidence.changelog(), &first);
    let second = feed(&evidence);
    in_rust();
    assert_same("the changelog after Rust's turn", &evidence.changelog(), &second);
    let third = feed(&evidence);
    in_java("java-totals-again");
    assert_same("the changelog after Java's second turn", &evidence.changelog(), &third);
}
