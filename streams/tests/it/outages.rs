//! A cluster that is away for longer than `delivery.timeout.ms` while something waits to be written.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::runtime::AppBuilder;
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::NewTopic;

use crate::cluster::{Cluster, LINES, read, wait_until};

const COPIES: Topic<Option<String>, String> = Topic::new("copies");

fn start(data: &Path, address: &str) -> Cluster {
    let config =
        BrokerConfig::new(data).listen(address).set("group.initial.rebalance.delay.ms", "0").unwrap();
    let broker = Broker::start_blocking(config).unwrap();
    Cluster::of(broker)
}

/// Copies a line that was read before the broker went, and that the broker therefore is not there to take.
fn copies_without_a_broker(
    (data, state): (&Path, &Path),
    configure: impl FnOnce(AppBuilder) -> AppBuilder,
) -> (Streams, String) {
    let cluster = start(data, "127.0.0.1:0");
    let topics = ["lines", "copies"].map(|topic| NewTopic::new(topic, 1));
    cluster.admin.blocking(cluster.admin.create_topics(topics)).unwrap();
    let builder = StreamsBuilder::new();
    let gate = Arc::new(Barrier::new(2));
    let (at_gate, passed) = (Arc::clone(&gate), AtomicBool::new(false));
    let lines = builder.stream(LINES).peek(move |_, _| {
        if !passed.swap(true, Ordering::Relaxed) {
            at_gate.wait();
            at_gate.wait();
        }
    });
    lines.to(COPIES);
    let app = cluster.app(builder.build().unwrap(), state);
    let app = app.set("producer.delivery.timeout.ms", 300).set("producer.request.timeout.ms", 200);
    let app = configure(app.set("producer.linger.ms", 0)).start_blocking().unwrap();
    cluster.send_bytes(&[b"x"]);
    gate.wait();
    let bootstrap = cluster.bootstrap();
    cluster.close();
    gate.wait();
    (app, bootstrap)
}

#[test]
fn a_cluster_that_was_away_stops_nobody() {
    let (data, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ask = |_: &StreamsError| -> UncaughtResponse { panic!("nobody is asked about an outage") };
    let (app, bootstrap) = copies_without_a_broker((data.path(), state.path()), |app| app.on_uncaught(ask));
    wait_until("beginning anew", || app.state() != AppState::Running);
    let cluster = start(data.path(), &bootstrap);
    assert_eq!(read(&bootstrap, "copies", 1, 1)[0].value, b"x");
    wait_until("committing", || cluster.committed("lines") == 1);
    block_on(app.close()).unwrap();
}

#[test]
fn a_policy_that_says_fail_has_its_way() {
    let (data, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (app, _) = copies_without_a_broker((data.path(), state.path()), |app| app.on_error(|_| Action::Fail));
    let failure = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(failure.contains("sending to copies"), "{failure}");
}
