//! The changelogs that an application makes, as the broker describes them.

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::ConfigResource;

use crate::cluster::{Cluster, LINES, wait_until};

const LAST: KeyValueStore<String, String> = KeyValueStore::new("last")
    .changelog(&[("segment.bytes", "2097152"), ("min.cleanable.dirty.ratio", "0.1")]);

fn last(store: KeyValueStore<String, String>) -> Topology {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES).map(|_, line| ("all".to_owned(), line)).group_by_key();
    lines.reduce(store, |_, new| new).to_stream().for_each(|_, _| {});
    let counts =
        builder.stream(Topic::<Option<String>, String>::new("lines")).group_by(|_, line| line.clone());
    let _counts = counts.count("counts");
    builder.build().unwrap()
}

fn config(cluster: &Cluster, topic: &str, name: &str) -> String {
    let asked = [ConfigResource::Topic(topic.to_owned())];
    let described = cluster.admin.blocking(cluster.admin.describe_configs(asked)).unwrap().pop().unwrap();
    let entries = described.1.unwrap();
    entries.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.clone()).unwrap()
}

#[test]
fn a_changelog_is_made_as_its_store_says_and_else_as_all_are() {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(last(LAST), state.path()).set("topic.segment.bytes", 1_048_576);
    let app = app.start_blocking().unwrap();
    cluster.send(&["a", "b"]);
    wait_until("counting", || app.metrics().records == 6);
    block_on(app.close()).unwrap();

    let of = |topic: &str, name: &str| config(&cluster, topic, name);
    assert_eq!(of("app-last-changelog", "segment.bytes"), "2097152");
    assert_eq!(of("app-last-changelog", "min.cleanable.dirty.ratio"), "0.1");
    assert_eq!(of("app-last-changelog", "cleanup.policy"), "compact");
    assert_eq!(of("app-counts-changelog", "segment.bytes"), "1048576");
    assert_eq!(of("app-counts-changelog", "min.cleanable.dirty.ratio"), "0.5");
}

#[test]
fn a_configuration_that_the_broker_does_not_know_is_told_at_the_start() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let topology = last(LAST.changelog(&[("segment.byte", "1")]));
    let error = cluster.app(topology, state.path()).start_blocking().err().unwrap().to_string();
    assert!(error.contains("app-last-changelog"), "{error}");
}
