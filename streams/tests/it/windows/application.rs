//! A windowed count on a broker: its topics, its answers, and what comes back after its state is lost.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::LazyLock;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{ConfigResource, NewTopic, Producer, ProducerRecord, TopicPartition};
use serde_json::{Value, json};

use crate::cluster::{Cluster, LINES, wait_until};

const VIEWS: WindowStore<String, i64> = WindowStore::new("views").retention(hours(1));
/// When the test begins, in event time. Not long ago: a changelog whose windows expire is cleaned by the broker.
static BEGIN: LazyLock<i64> = LazyLock::new(|| last(mins(30)).start / 60_000 * 60_000);

const OUT: Topic<Windowed<String>, i64> = Topic::windowed("per-minute", mins(1));

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(LINES).group_by(|_, page| page.clone());
    grouped.windowed_by(TimeWindows::of(mins(1)).grace(mins(5))).count(VIEWS).to(OUT);
    builder.build().unwrap()
}

fn send(cluster: &Cluster, views: &[(&str, i64)]) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (page, timestamp) in views {
        let record = ProducerRecord::to("lines").partition(0).value(*page).timestamp(*BEGIN + timestamp);
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
}

fn start(cluster: &Cluster, state: &Path) -> Streams {
    let app = cluster.app(topology(), state).serve(VIEWS).query_listen("127.0.0.1:0");
    app.start_blocking().unwrap()
}

fn ask(address: SocketAddr, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// The windows of two pages, as they are in the end.
fn expected() -> Vec<(Windowed<String>, i64)> {
    let counts = [("a", 0, 2), ("b", 0, 1), ("a", 60_000, 1), ("a", 180_000, 1)];
    counts.map(|(page, start, count)| (windowed(page, *BEGIN + start..*BEGIN + start + 60_000), count)).into()
}

fn check_answers(app: &Streams) {
    let views = app.store(VIEWS).unwrap();
    let counts: Vec<i64> = block_on(views.fetch("a", *BEGIN..=*BEGIN + 60_000))
        .unwrap()
        .into_iter()
        .map(|(_, count)| count)
        .collect();
    assert_eq!(counts, [2, 1]);
    assert_eq!(block_on(views.get("b", *BEGIN)).unwrap(), Some(1));
    assert_eq!(block_on(views.get("b", *BEGIN + 60_000)).unwrap(), None);
    assert_eq!(block_on(views.fetch_all(*BEGIN + 1.., 1)).unwrap(), expected()[2..3]);
    let mut backwards = block_on(views.clone().routed().reverse_fetch_all(.., 3)).unwrap();
    backwards.reverse();
    assert_eq!(backwards, expected()[1..]);
    assert_eq!(block_on(views.clone().routed().get("b", *BEGIN)).unwrap(), Some(1));

    let address = app.query_address().unwrap();
    let window = |start: i64, count: i64| json!({ "start": *BEGIN + start, "end": *BEGIN + start + 60_000, "value": count });
    let of_a = json!({ "key": "a", "windows": [window(60_000, 1), window(180_000, 1)], "complete": true });
    assert_eq!(ask(address, &format!("/stores/views/a?from={}", *BEGIN + 60_000)), (200, of_a));
    let (_, rest) = ask(address, &format!("/stores/views/a?limit=1&after={}", *BEGIN));
    assert_eq!(rest, json!({ "key": "a", "windows": [window(60_000, 1)], "complete": false }));
    let (_, first) = ask(address, &format!("/stores/views?to={}&limit=1", *BEGIN + 60_000));
    let entry = |page: &str, start: i64, count: i64| json!({ "key": page, "start": *BEGIN + start, "end": *BEGIN + start + 60_000, "value": count });
    assert_eq!(first, json!({ "entries": [entry("a", 0, 2)], "complete": false }));
    let (_, rest) = ask(address, &format!("/stores/views?from={}&after=a&to={}", *BEGIN, *BEGIN + 60_000));
    assert_eq!(rest, json!({ "entries": [entry("b", 0, 1), entry("a", 60_000, 1)], "complete": true }));
    let (_, last) = ask(address, "/stores/views?reverse=true&limit=1");
    assert_eq!(last, json!({ "entries": [entry("a", 180_000, 1)], "complete": false }));
    let path = format!("/stores/views?reverse=true&to={}&after=b", *BEGIN);
    assert_eq!(ask(address, &path).1, json!({ "entries": [entry("a", 0, 2)], "complete": true }));
    assert_eq!(ask(address, "/stores/views/a?reverse=true").1["windows"][0], window(180_000, 1));
    for path in ["/stores/views?from=noon", "/stores/views/a?to=noon", "/stores/views?after=a"] {
        let (status, body) = ask(address, path);
        assert_eq!((status, body["error"].as_str()), (400, Some("bad_query")), "{path}");
    }
}

#[test]
fn windows_are_answered_and_come_back_from_the_changelog() {
    let cluster = Cluster::start(2);
    let created = cluster.admin.create_topics([NewTopic::new("per-minute", 5)]);
    cluster.admin.blocking(created).unwrap();
    let state = tempfile::tempdir().unwrap();
    let app = start(&cluster, state.path());
    send(&cluster, &[("a", 1_000), ("b", 2_000), ("a", 61_000), ("a", 59_000), ("a", 200_000)]);
    let all = |app: &Streams| block_on(app.store(VIEWS).unwrap().all()).unwrap_or_default();
    wait_until("counting", || all(&app) == expected());
    check_answers(&app);
    block_on(app.close()).unwrap();

    let lost = tempfile::tempdir().unwrap();
    let app = start(&cluster, lost.path());
    wait_until("restoring", || all(&app) == expected());
    check_answers(&app);
    block_on(app.close()).unwrap();
}

#[test]
fn all_windows_of_a_key_are_in_the_partition_of_the_key() {
    let cluster = Cluster::start(1);
    let created = cluster.admin.create_topics([NewTopic::new("per-minute", 5)]);
    cluster.admin.blocking(created).unwrap();
    let state = tempfile::tempdir().unwrap();
    let app = start(&cluster, state.path());
    let views: Vec<_> = (0..20).map(|minute| ("a", minute * 60_000)).collect();
    send(&cluster, &views);
    let ends = || -> Vec<i64> {
        let ends = (0..5).map(|partition| (TopicPartition::new("per-minute", partition), -1));
        let found = cluster.admin.blocking(cluster.admin.list_offsets(ends)).unwrap();
        let end = |partition| found[&TopicPartition::new("per-minute", partition)].as_ref().unwrap().offset;
        (0..5).map(end).collect()
    };
    wait_until("counting", || ends().iter().sum::<i64>() == 20);
    let partition = millstream_wire::murmur2::partition_for_key(b"a", 5) as usize;
    assert_eq!(ends()[partition], 20);
    block_on(app.close()).unwrap();
}

#[test]
fn the_changelog_of_windows_is_compacted_and_expires() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let app = start(&cluster, state.path());
    let topic = ConfigResource::Topic("app-views-changelog".to_owned());
    let described = cluster.admin.blocking(cluster.admin.describe_configs([topic])).unwrap();
    let entries = described.into_iter().next().unwrap().1.unwrap();
    let value = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap().value.clone().unwrap();
    assert_eq!(value("cleanup.policy"), "compact,delete");
    assert_eq!(value("retention.ms"), (25 * 3_600_000).to_string());
    block_on(app.close()).unwrap();
}
