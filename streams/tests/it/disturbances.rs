//! What happens to the sources of an application, or to its threads, while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;

use crate::cluster::{Cluster, LINES, counting, counts, wait_until};

#[test]
fn a_source_that_is_deleted_stops_the_application_and_is_not_created_again() {
    let stopped = after(|cluster| {
        let deleted = cluster.admin.blocking(cluster.admin.delete_topics(["lines"])).unwrap();
        assert!(deleted.iter().all(|(_, deleted)| deleted.is_ok()), "{deleted:?}");
    });
    assert!(stopped.contains("source topic lines does not exist"), "{stopped}");
}

#[test]
fn a_source_that_gets_more_partitions_stops_the_application() {
    let stopped = after(|cluster| {
        let added = cluster.admin.blocking(cluster.admin.create_partitions([("lines", 4)])).unwrap();
        assert!(added.iter().all(|(_, added)| added.is_ok()), "{added:?}");
    });
    assert!(stopped.contains("app-counts-changelog has 2 partitions, the topology needs 4"), "{stopped}");
}

/// How an application ends that counts when this happens.
fn after(disturb: impl Fn(&Cluster)) -> String {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).set("metadata.max.age.ms", 100);
    let app = app.start_blocking().unwrap();
    cluster.send(&["a", "b"]);
    wait_until("counting", || counts(&[&app]).len() == 2);
    disturb(&cluster);
    block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string()
}

const MAX_POLL_INTERVAL: Duration = Duration::from_millis(500);

#[test]
fn a_closure_that_exceeds_max_poll_interval_costs_the_place_and_not_the_application() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let builder = StreamsBuilder::new();
    let dawdled = Arc::new(AtomicBool::new(false));
    builder.stream(LINES).for_each(move |_, _| {
        if !dawdled.swap(true, Ordering::Relaxed) {
            std::thread::sleep(6 * MAX_POLL_INTERVAL);
        }
    });
    let app = cluster
        .app(builder.build().unwrap(), state.path())
        .set("max.poll.interval.ms", MAX_POLL_INTERVAL.as_millis());
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[b"slow", b"quick"]);
    wait_until("committing", || cluster.committed("lines") == 2);
    assert!(!app.state().is_final());
    block_on(app.close()).unwrap();
}
