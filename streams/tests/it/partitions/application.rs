//! The driver tells what an application on a broker does: the same records of each key in the same partitions.

use std::collections::BTreeMap;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_broker::TestCluster;
use millstream_client::{Producer, ProducerRecord};

use crate::cluster;

const IN: Topic<String, i64> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");
const PARTITIONS: u32 = 3;

/// What was written to one partition by one key, in order: the driver settles a record before the next is sent, a broker lets
/// two tasks take turns as they like, and the order of keys is theirs.
type Written = BTreeMap<(i32, String), Vec<(String, i64)>>;

fn counted(builder: &StreamsBuilder) {
    let by_value = builder.stream(IN).group_by(|_, value| format!("value {value}"));
    by_value.count("counts").to_stream().map_values(|count| format!("{count:?}")).to(OUT);
}

fn partitioned(builder: &StreamsBuilder) {
    let chosen = builder.stream(IN).map_values(|value| value.to_string());
    chosen.to(OUT).partitioned_by(|_, value, partitions| value.len() as i32 % partitions);
}

fn wide(builder: &StreamsBuilder) {
    let tasks = builder.stream(IN).select_key(|_, value| value.to_string());
    let tasks = tasks.repartition(Repartitioned::from("wide").partitions(5));
    tasks.process_values(|_| WhichTask).to(OUT);
}

/// Says which task a record came to.
struct WhichTask;

impl FixedKeyProcessor<String, i64> for WhichTask {
    type Out = String;

    fn process(
        &mut self,
        record: FixedKeyRecord<String, i64>,
        cx: &mut FixedKeyContext<'_, '_, String, String>,
    ) -> Result<(), ProcessError> {
        let task = cx.task_id();
        cx.forward(record.map(|value| format!("{value} in {task}")));
        Ok(())
    }
}

fn sums(builder: &StreamsBuilder) {
    let sums = builder.stream(IN).group_by_key().reduce("sums", |sum, value| sum + value);
    sums.to_stream().map(|key, sum| (format!("{key} now"), format!("{sum:?}"))).to(OUT);
}

/// Two hundred records of a seeded mix of keys and values. A value always has the same time, so that it does not matter
/// which task is first to send it on.
fn inputs() -> Vec<(String, i64, i64)> {
    let mut state = 7_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let record = |_| {
        let (key, value) = (next(20), next(150) as i64);
        (format!("key-{key}"), value, value * 7_919 % 1_000)
    };
    (0..200).map(record).collect()
}

fn by_the_driver(topology: &Topology) -> Written {
    let mut driver = TestDriver::builder(topology).partitions(PARTITIONS).build().unwrap();
    for (key, value, time) in inputs() {
        driver.input(IN).at(time).send(key, value).unwrap();
    }
    let mut written = Written::new();
    for placed in driver.output(OUT).drain_placed() {
        let Record { key, value, timestamp, .. } = placed.record;
        written.entry((placed.partition, key)).or_default().push((value, timestamp));
    }
    written
}

fn by_an_application(topology: Topology, outputs: usize) -> Written {
    let (cluster, state) = (TestCluster::start_blocking().unwrap(), tempfile::tempdir().unwrap());
    for topic in ["in", "out"] {
        cluster.create_topic_blocking(topic, PARTITIONS as i32, &[]).unwrap();
    }
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (key, value, time) in inputs() {
        let value = value.to_be_bytes();
        let record = ProducerRecord::to("in").key(key.as_bytes()).value(&value).timestamp(time);
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
    let app = Streams::builder(topology)
        .application_id("app")
        .bootstrap(cluster.bootstrap())
        .state_dir(state.path())
        .set("statestore.cache.max.bytes", 0)
        .start_blocking()
        .unwrap();
    let written = read(&cluster, outputs);
    block_on(app.close()).unwrap();
    written
}

/// Reads so many records of the output.
fn read(cluster: &TestCluster, count: usize) -> Written {
    let mut written = Written::new();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    for record in cluster::read(&cluster.bootstrap(), "out", PARTITIONS as i32, count) {
        let of_key = written.entry((record.partition, text(record.key))).or_default();
        of_key.push((text(record.value), record.timestamp));
    }
    written
}

/// A program and its name.
type Program = (&'static str, fn(&StreamsBuilder));

#[test]
fn an_application_writes_what_the_driver_says() {
    let programs: [Program; 4] =
        [("counted", counted), ("partitioned", partitioned), ("wide", wide), ("sums", sums)];
    for (name, draw) in programs {
        let builder = StreamsBuilder::new();
        draw(&builder);
        let topology = builder.build().unwrap();
        let expected = by_the_driver(&topology);
        let outputs = expected.values().map(Vec::len).sum();
        assert!(outputs >= 200, "{name} writes something");
        assert_eq!(by_an_application(topology, outputs), expected, "{name}");
    }
}
