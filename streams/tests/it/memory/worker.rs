//! The process whose memory is limited.

use std::fmt;
use std::fs;
use std::io::{Write, stdin, stdout};
use std::path::PathBuf;

use futures::executor::block_on;
use millstream::prelude::*;

use super::bytes_below;
use crate::cluster::wait_until;

/// Holds the work where this program is run as the limited process.
pub(super) const WORK: &str = "MILLSTREAM_TEST_MEMORY";

pub(super) const VALUES: Topic<Vec<u8>, Vec<u8>> = Topic::new("values");

const LATEST: KeyValueStore<Vec<u8>, Vec<u8>> = KeyValueStore::new("latest");

pub(super) const KEYS: u64 = 120_000;
pub(super) const RECORDS: u64 = KEYS + KEYS / 2;

/// The state is a hundred times as large.
const CACHE_BYTES: usize = 1 << 20;
const STATE_BYTES: usize = 8 << 20;

/// What is to be done, as text for the environment.
pub(super) struct Work {
    pub(super) bootstrap: String,
    pub(super) state: PathBuf,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.bootstrap, self.state.display())
    }
}

/// Neighbours in the input are none in the store.
pub(super) fn key(nth: u64) -> [u8; 8] {
    nth.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

pub(super) fn value(nth: u64) -> Vec<u8> {
    nth.to_be_bytes().repeat(120)
}

fn app(work: &str) -> Streams {
    let (bootstrap, state) = work.split_once(' ').unwrap();
    let builder = StreamsBuilder::new();
    let _latest = builder.stream(VALUES).group_by_key().reduce(LATEST, |_, value| value);
    let app = Streams::builder(builder.build().unwrap())
        .application_id("large")
        .bootstrap(bootstrap)
        .state_dir(state);
    let app = app.set("state.memory.bytes", STATE_BYTES).set("statestore.cache.max.bytes", CACHE_BYTES);
    // What the clients hold is bounded by these.
    let app = app.set("buffer.memory", 8 << 20).set("fetch.max.bytes", 4 << 20);
    app.set("commit.interval.ms", 1_000).start_blocking().unwrap()
}

/// Asks for some keys, updated ones and others.
fn check(app: &Streams) {
    let latest = app.store(LATEST).unwrap();
    for nth in (0..KEYS).step_by(997) {
        let last = if nth < RECORDS - KEYS { KEYS + nth } else { nth };
        let found = block_on(latest.get(&key(nth)[..])).unwrap();
        assert!(found == Some(value(last)), "key {nth} has another value");
    }
}

/// Does nothing unless the test beside it has started it in a process of its own.
#[test]
fn the_process_that_is_limited() {
    let Ok(work) = std::env::var(WORK) else { return };
    stdin().read_line(&mut String::new()).unwrap();
    let state = PathBuf::from(work.split_once(' ').unwrap().1);

    let builds = app(&work);
    wait_until("building", || {
        assert!(!builds.state().is_final(), "the application has stopped");
        builds.metrics().records >= RECORDS
    });
    check(&builds);
    block_on(builds.close()).unwrap();
    tell("state on disk", bytes_below(&state));
    tell("peak while it was built", peak_bytes());

    fs::remove_dir_all(state.join("large")).unwrap();
    let restores = app(&work);
    wait_until("restoring", || restores.state() == AppState::Running);
    check(&restores);
    block_on(restores.close()).unwrap();
    tell("peak of resident memory", peak_bytes());
}

fn tell(what: &str, bytes: u64) {
    stdout().write_all(format!("{what}: {bytes}\n").as_bytes()).unwrap();
}

/// The most bytes that were resident at once.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    kib.unwrap().parse::<u64>().unwrap() * 1024
}
