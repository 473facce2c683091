//! Topologies drawn node by node: what they refuse, and the stores that a processor fills on a broker.

use std::sync::mpsc::channel;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{Cluster, PATIENCE, wait_until};
use crate::processors::{LENGTHS, Lengths, Look, Tally};

const NAMES: Topic<String, String> = Topic::new("names");
const LINES: Topic<String, String> = Topic::new("lines");
const OUT: Topic<String, String> = Topic::new("out");

/// What is wrong with a topology.
fn mistake(draw: impl Fn(&TopologyBuilder)) -> String {
    let topology = TopologyBuilder::new();
    draw(&topology);
    topology.build().unwrap_err().to_string()
}

#[test]
fn mistakes_are_told_of_by_the_build() {
    let twice = mistake(|nodes| {
        let source = nodes.add_source("in", LINES);
        nodes.add_sink("in", OUT, [&source]);
    });
    assert!(twice.contains("two nodes are named \"in\""), "{twice}");
    let foreign = mistake(|nodes| {
        let _ = nodes.add_source("in", LINES);
        nodes.add_sink("out", OUT, [&TopologyBuilder::new().add_source("in", LINES)]);
    });
    assert!(foreign.contains("different builders"), "{foreign}");
    let opened = mistake(|nodes| {
        nodes.add_read_only_store(("names", "fill"), NAMES, LENGTHS, Lengths);
        let source = nodes.add_source("in", LINES);
        let _ = nodes.add_processor("again", |stores| Lengths(stores.open(LENGTHS)), [&source]);
    });
    assert!(opened.contains("filled from its topic alone"), "{opened}");
    assert!(mistake(|nodes| drop(nodes.add_source("a name", LINES))).contains("\"a name\""));
    assert_eq!(mistake(|_| {}), StreamsBuilder::new().build().unwrap_err().to_string());
}

#[test]
fn a_node_named_twice_above_another_is_above_it_once() {
    let nodes = TopologyBuilder::new();
    let source = nodes.add_source("in", LINES);
    let tally = nodes.add_processor("tally", Tally::open, [&source, &source]);
    nodes.add_sink("out", OUT, [&tally, &tally]);
    let mut driver = TestDriver::new(&nodes.build().unwrap()).unwrap();
    driver.input(LINES).send("a", "x-ray").unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", "x-ray1")]);
}

fn send(cluster: &Cluster, topic: &str, records: &[(&str, &str)]) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (key, value) in records {
        drop(producer.send_blocking(ProducerRecord::to(topic).key(*key).value(*value)).unwrap());
    }
    producer.flush_blocking().unwrap();
}

#[test]
fn a_global_store_is_filled_by_its_processor_before_a_record_is_processed() {
    let cluster = Cluster::start(2);
    let created = cluster.admin.create_topics([NewTopic::new("names", 3)]);
    cluster.admin.blocking(created).unwrap();
    let state = tempfile::tempdir().unwrap();
    send(&cluster, "names", &[("a", "Ada"), ("b", "Bob"), ("c", "Grace"), ("b", "x")]);
    send(&cluster, "lines", &[("a", "1"), ("b", "2"), ("c", "3")]);
    for restart in 0..2 {
        let (sender, received) = channel();
        let builder = StreamsBuilder::new();
        builder.add_global_store(NAMES, KeyValueStore::<String, i64>::new("lengths"), Lengths);
        let look = builder.stream(LINES).process(Look::open);
        look.for_each(move |_, text| drop(sender.send(text)));
        let app = cluster.app(builder.build().unwrap(), state.path()).start_blocking().unwrap();
        let mut texts: Vec<String> = (0..3).map(|_| received.recv_timeout(PATIENCE).unwrap()).collect();
        texts.sort();
        assert_eq!(texts, ["1 3", "2 null", "3 5"], "restart {restart}");
        wait_until("the commit", || cluster.committed("lines") == 3 * (restart + 1));
        block_on(app.close()).unwrap();
        send(&cluster, "lines", &[("a", "1"), ("b", "2"), ("c", "3")]);
    }
}

#[test]
fn a_read_only_store_is_rebuilt_from_its_topic() {
    /// Keeps values as they come, as a store must that is rebuilt from them.
    struct Keep(Open<KeyValueStore<String, String>>);
    impl Processor<String, String> for Keep {
        type Out = ();
        fn process(&mut self, name: Record<String, String>, _: &mut Context<()>) -> Result<(), ProcessError> {
            self.0.put(&name.key, name.value)
        }
    }
    const BY_KEY: KeyValueStore<String, String> = KeyValueStore::new("names-by-key");
    let cluster = Cluster::start(2);
    let created = cluster.admin.create_topics([NewTopic::new("names", 2)]);
    cluster.admin.blocking(created).unwrap();
    send(&cluster, "names", &[("a", "Ada"), ("b", "Bob")]);
    let start = |state: &std::path::Path| {
        let nodes = TopologyBuilder::new();
        nodes.add_read_only_store(("names", "fill"), NAMES, BY_KEY, Keep);
        cluster.app(nodes.build().unwrap(), state).start_blocking().unwrap()
    };
    let names = |app: &Streams| block_on(app.store(BY_KEY).unwrap().all()).unwrap_or_default().len();
    for _ in 0..2 {
        // The second finds everything committed, and nothing on its disk.
        let state = tempfile::tempdir().unwrap();
        let app = start(state.path());
        wait_until("the names", || names(&app) == 2);
        wait_until("the commit", || cluster.committed("names") == 2);
        block_on(app.close()).unwrap();
    }
    let topics = cluster.admin.blocking(cluster.admin.list_topics()).unwrap();
    assert!(topics.iter().all(|topic| !format!("{topic:?}").contains("changelog")), "{topics:?}");
}
