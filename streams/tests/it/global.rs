//! Global tables of an application on a broker.

use std::sync::mpsc::{Receiver, channel};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord, TopicPartition};

use crate::cluster::{Cluster, LINES, PATIENCE, wait_until};

const CITIES: Topic<String, String> = Topic::new("cities");
const BY_NAME: KeyValueStore<String, String> = KeyValueStore::new("cities-by-name");
/// Of the topic of the global table, more than the stream has.
const PARTITIONS: i32 = 3;

/// Lines that are names, joined with their cities; what is joined is received.
fn joined() -> (Topology, Receiver<String>) {
    let (sender, received) = channel();
    let builder = StreamsBuilder::new();
    let cities = builder.global_table_in(CITIES, BY_NAME);
    builder
        .stream(LINES)
        .join_global(&cities, |_, name| name.clone(), |name, city| format!("{name} in {city}"))
        .for_each(move |_, line| drop(sender.send(line)));
    (builder.build().unwrap(), received)
}

fn cluster() -> Cluster {
    let cluster = Cluster::start(2);
    let created = cluster.admin.blocking(cluster.admin.create_topics([NewTopic::new("cities", PARTITIONS)]));
    assert!(created.unwrap().iter().all(|(_, created)| created.is_ok()));
    cluster
}

/// Sets cities of names, each name in a partition of its own choice.
fn settle(cluster: &Cluster, cities: &[(&str, Option<&str>)]) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (name, city) in cities {
        let partition = i32::from(name.as_bytes()[0]) % PARTITIONS;
        let mut record = ProducerRecord::to("cities").partition(partition).key(name.as_bytes());
        if let Some(city) = city {
            record = record.value(city.as_bytes());
        }
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
}

fn receive(received: &Receiver<String>, count: usize) -> Vec<String> {
    let mut lines: Vec<String> = (0..count).map(|_| received.recv_timeout(PATIENCE).unwrap()).collect();
    lines.sort();
    lines
}

#[test]
fn a_global_table_is_whole_before_the_first_record_and_kept_up_after() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let names: Vec<String> = ('a'..='z').map(String::from).collect();
    let cities: Vec<_> = names.iter().map(|name| (name.as_str(), Some("London"))).collect();
    settle(&cluster, &cities);
    cluster.send(&names.iter().map(String::as_str).collect::<Vec<_>>());

    let (topology, received) = joined();
    let app = cluster.app(topology, state.path()).start_blocking().unwrap();
    let everybody: Vec<String> = names.iter().map(|name| format!("{name} in London")).collect();
    assert_eq!(receive(&received, names.len()), everybody);

    settle(&cluster, &[("a", Some("Paris")), ("b", None)]);
    let table = app.store(BY_NAME).unwrap();
    let now = || (block_on(table.get("a")).unwrap(), block_on(table.get("b")).unwrap());
    wait_until("the update", || now() == (Some("Paris".to_owned()), None));
    cluster.send(&["a", "b", "c"]);
    assert_eq!(receive(&received, 2), ["a in Paris", "c in London"]);
    let records = || {
        let metrics = app.metrics();
        let global = metrics.threads.iter().find(|thread| thread.thread == 0)?;
        let [table] = &global.tasks[..] else { panic!("{} global tables", global.tasks.len()) };
        global.restores.is_empty().then_some((table.records, global.commits.count > 0))
    };
    wait_until("the numbers of the global table", || records() == Some((26 + 2, true)));
    assert!(app.metrics().to_prometheus().contains("task_records_total{thread=\"global\",task=\"0_0\"} 28"));
    block_on(app.close()).unwrap();
}

#[test]
fn a_global_table_goes_on_where_its_store_stands() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    settle(&cluster, &[("a", Some("London")), ("b", Some("Paris"))]);
    let (topology, _received) = joined();
    block_on(cluster.app(topology, state.path()).start_blocking().unwrap().close()).unwrap();

    // What the store has is read nowhere else any more.
    let ends = (0..PARTITIONS).map(|partition| (TopicPartition::new("cities", partition), -1));
    let gone = cluster.admin.blocking(cluster.admin.delete_records(ends)).unwrap();
    assert!(gone.iter().all(|(_, deleted)| deleted.is_ok()), "{gone:?}");
    settle(&cluster, &[("c", Some("Rome"))]);

    let (topology, received) = joined();
    let app = cluster.app(topology, state.path()).start_blocking().unwrap();
    cluster.send(&["a", "b", "c"]);
    if cfg!(feature = "rocksdb") {
        assert_eq!(receive(&received, 3), ["a in London", "b in Paris", "c in Rome"]);
    } else {
        assert_eq!(receive(&received, 1), ["c in Rome"], "a store in memory is read anew");
    }
    block_on(app.close()).unwrap();
}

#[test]
fn a_global_table_without_a_topic_is_refused() {
    let (cluster, state) = (Cluster::start(1), tempfile::tempdir().unwrap());
    let error = cluster.app(joined().0, state.path()).start_blocking().err().unwrap().to_string();
    assert!(error.contains("source topic cities does not exist"), "{error}");
}
