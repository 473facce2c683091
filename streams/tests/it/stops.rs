//! A record that cannot be processed stops the application, at every start, until somebody deals with it.

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::runtime::WorkerError;

use crate::cluster::{Cluster, LINES, wait_until};

#[test]
fn at_a_record_that_does_not_decode() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| {});
    stops_at_the_last_record(&builder.build().unwrap(), b"\xff\xfe", "the value does not decode");
}

#[test]
fn at_a_panic_in_a_closure() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, line| assert!(line != "bad", "this line is bad"));
    stops_at_the_last_record(&builder.build().unwrap(), b"bad", "this line is bad");
}

/// What lies before the record is committed, what lies behind it is not read, and a restart ends at the same place.
fn stops_at_the_last_record(topology: &Topology, bad: &[u8], why: &str) {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let start = || cluster.app(topology.clone(), state.path()).start_blocking().unwrap();
    let first = start();
    cluster.send_bytes(&[b"good", b"good"]);
    wait_until("committing what is good", || cluster.committed("lines") == 2);
    cluster.send_bytes(&[bad, b"good"]);
    let mut run = Some(first);
    for _ in 0..2 {
        let app = run.take().unwrap_or_else(start);
        let failure = block_on(app.run_until(std::future::pending::<()>())).unwrap_err();
        let text = failure.to_string();
        assert!(matches!(failure, StreamsError::Thread { source: WorkerError::Task(_), .. }), "{text}");
        assert!(text.contains("lines-0 at offset 2") && text.contains(why), "{text}");
        assert_eq!(cluster.committed("lines"), 2);
    }
}
