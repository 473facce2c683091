//! Records that are tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millstream::prelude::*;

const IN: Topic<String, i64> = Topic::new("in");
const OUT: Topic<String, i64> = Topic::new("out");

/// Sums, then fails `failures` times.
fn driver(failures: u32, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> TestDriver {
    let left = Arc::new(AtomicU32::new(failures));
    let builder = StreamsBuilder::new();
    let sums = builder.stream(IN).group_by_key().reduce(KeyValueStore::from("sums").uncached(), |a, b| a + b);
    let moody = sums.to_stream().map_values(move |sum| {
        let is_moody =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        assert!(!is_moody, "not now");
        sum.unwrap_or_default()
    });
    moody.named("moody").to(OUT);
    let topology = builder.build().unwrap();
    TestDriver::builder(&topology).on_error(policy).build().unwrap()
}

#[test]
fn a_record_is_read_again_from_its_source_until_it_passes() {
    let (say, heard) = std::sync::mpsc::channel();
    let mut driver = driver(2, move |failed| {
        say.send((failed.offset(), failed.attempt())).unwrap();
        Action::Retry
    });
    driver.input(IN).send("a", 5).unwrap();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(Some(0), 1), (Some(0), 2)]);
    // The sum stands above what failed: each attempt has added to it.
    assert_eq!(driver.output(OUT).drain(), [record("a", 15)]);
    assert_eq!((driver.errors()[0].retries, driver.errors()[0].failures), (2, 0));
    let task = &driver.metrics()[0];
    let moody = task.nodes.iter().find(|node| node.node == "moody").unwrap();
    assert_eq!((task.records, task.nodes[0].records, moody.records), (1, 1, 1));
    driver.input(IN).send("a", 1).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", 16)]);
}

#[test]
fn a_policy_may_give_up() {
    let decide = |failed: &Failed<'_>| if failed.attempt() < 3 { Action::Retry } else { Action::Skip };
    let mut driver = driver(3, decide);
    driver.input(IN).send("a", 5).unwrap();
    assert!(driver.output(OUT).is_empty());
    // The next record is at its first attempt again.
    driver.input(IN).send("b", 1).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("b", 1)]);
    assert_eq!((driver.errors()[0].retries, driver.errors()[0].skipped), (2, 1));
}

#[test]
fn a_policy_that_never_gives_up_is_given_up_on() {
    let mut driver = driver(u32::MAX, |_| Action::Retry);
    let error = driver.input(IN).send("a", 5).unwrap_err().to_string();
    assert!(error.ends_with("node moody: a closure panicked: not now"), "{error}");
    assert_eq!((driver.errors()[0].retries, driver.errors()[0].failures), (10, 1));
}
