//! The numbers of an application on a broker.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use millstream::metrics::Metrics;
use millstream::prelude::*;
use millstream_client::{Producer, ProducerRecord};
use millstream_exposition::{Samples, read};

use crate::cluster::{self, Cluster, counting, wait_until};

const LINES: u64 = 500;

fn records(metrics: &Metrics, subtopology: u32) -> u64 {
    metrics.tasks().filter(|task| task.task.subtopology == subtopology).map(|task| task.records).sum()
}

fn get(app: &Streams, path: &str) -> String {
    let mut stream = TcpStream::connect(app.query_address().unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// No counter runs backwards.
fn assert_grown(before: &Samples, after: &Samples) {
    for (series, value) in
        before.iter().filter(|(series, _)| series.contains("_total") || series.contains("_bucket"))
    {
        let now = after.get(series).unwrap_or_else(|| panic!("{series} has gone"));
        assert!(now >= value, "{series} ran from {value} back to {now}");
    }
}

#[test]
fn what_an_application_counts_is_what_it_was_sent() {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).query_listen("127.0.0.1:0");
    let beside = || {
        "# HELP beside_level A page of what runs beside.\n# TYPE beside_level gauge\nbeside_level 7\n"
            .to_owned()
    };
    let app = app.expose(beside).start_blocking().unwrap();
    let mut before = Samples::new();
    for _ in 0..LINES / 100 {
        cluster.send(&["the whale"; 100]);
        let (samples, _) = read(&app.metrics().to_prometheus()).unwrap();
        assert_grown(&before, &samples);
        before = samples;
    }
    let is_counted = |metrics: &Metrics| (records(metrics, 0), records(metrics, 1)) == (LINES, 2 * LINES);
    wait_until("counting", || is_counted(&app.metrics()));
    wait_until("committing", || app.metrics().tasks().all(|task| task.records == 0 || task.commits > 0));

    let metrics = app.metrics();
    assert_eq!((metrics.records, metrics.tasks().count()), (3 * LINES, 4));
    let nodes = metrics.tasks().flat_map(|task| &task.nodes);
    let source = nodes.filter(|node| node.node == "KSTREAM-SOURCE-0000000000");
    assert_eq!(source.map(|node| node.records).sum::<u64>(), LINES);
    let latencies = metrics.tasks().map(|task| task.read_latency.count).sum::<u64>();
    assert_eq!(latencies, 3 * LINES);
    let [thread] = &metrics.threads[..] else { panic!("{} threads", metrics.threads.len()) };
    assert!(thread.commits.count > 0 && !thread.busy.is_zero() && !thread.waited.is_zero(), "{thread:?}");
    assert!(metrics.tasks().any(|task| !task.busy.is_zero()));
    let json = serde_json::to_value(&metrics).unwrap();
    assert_eq!((&json["state"], &json["threads"][0]["thread"]), (&"RUNNING".into(), &1.into()));

    let response = get(&app, "/metrics");
    let (head, page) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    let (samples, kinds) = read(page).unwrap();
    assert_grown(&before, &samples);
    assert!(samples.iter().all(|(_, value)| *value >= -0.001), "{samples:?}");
    assert_eq!(samples["beside_level"], 7.0);
    assert!(samples["process_resident_memory_bytes"] > 0.0);
    assert_eq!(samples["millstream_streams_records_total"], (3 * LINES) as f64);
    assert_eq!(samples["millstream_streams_state{state=\"RUNNING\"}"], 1.0);
    let documented = include_str!("../../../../monitoring/streams.md");
    for name in kinds.keys().filter_map(|name| name.strip_prefix("millstream_streams_")) {
        let row = format!("\n| `{name}` |");
        assert!(documented.contains(&row), "{row} is missing from the table");
    }
    block_on(app.close()).unwrap();
}

#[test]
fn a_hot_key_shows_in_its_partition() {
    const LINES: usize = 2_000;
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).query_listen("127.0.0.1:0").start_blocking().unwrap();
    let lines: Vec<String> = (0..LINES).map(|n| format!("hot hot hot word-{n} other-{n}")).collect();
    cluster.send(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    wait_until("counting", || records(&app.metrics(), 1) == 5 * LINES as u64);
    let metrics = app.metrics();
    let skew = metrics.skew();
    let words = skew.iter().find(|topic| topic.topic.ends_with("-repartition")).unwrap();
    // Three of five words, and half of the others: 0.8 of the records where the mean is a half.
    let imbalance = words.imbalance.unwrap();
    assert!((1.5..1.7).contains(&imbalance), "{imbalance}");
    let busiest = words.partitions.iter().max_by_key(|partition| partition.records).unwrap();
    let hot = &busiest.top_keys[0];
    assert!(hot.key == "hot" && (0.65..0.85).contains(&hot.share), "{hot:?}");
    let lines = skew.iter().find(|topic| &*topic.topic == "lines").unwrap();
    assert_eq!(lines.partitions.iter().map(|partition| partition.records).sum::<u64>(), LINES as u64);
    assert!(
        lines.imbalance.unwrap() < 1.1
            && lines.partitions.iter().all(|partition| partition.bytes > 20 * 1_000)
    );
    wait_until("nothing more to read", || {
        let lag =
            app.metrics().skew().into_iter().flat_map(|topic| topic.partitions).map(|told| told.lag_seconds);
        lag.into_iter().all(|lag| lag == Some(0.0))
    });

    let response = get(&app, "/skew");
    let told: serde_json::Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(told["instances"][0], app.query_address().unwrap().to_string());
    assert_eq!(told["topics"].as_array().unwrap().len(), 2);
    assert_eq!(told["instance"], told["instances"][0]);
    assert_eq!((&told["pace"]["lag_seconds"], &told["pace"]["behind"]), (&0.0.into(), &false.into()));
    block_on(app.close()).unwrap();
}

/// Reads records that are an hour old: one instance all of its own, the other slowly.
#[test]
fn an_instance_that_is_slower_than_the_others_says_so() {
    const RECORDS: i64 = 2_000;
    let cluster = Cluster::start(2);
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = |pause: Duration, state: &tempfile::TempDir| {
        let builder = StreamsBuilder::new();
        builder.stream(cluster::LINES).for_each(move |_, _| std::thread::sleep(pause));
        let app = cluster.app(builder.build().unwrap(), state.path()).query_listen("127.0.0.1:0");
        // Little at a time, so that a turn ends soon.
        let app = app.set("max.partition.fetch.bytes", 200).set("buffered.records.per.partition", 5);
        app.start_blocking().unwrap()
    };
    let fast = start(Duration::ZERO, &directories[0]);
    let slow = start(Duration::from_millis(50), &directories[1]);
    wait_until("sharing", || [&fast, &slow].iter().all(|app| app.metrics().running.len() == 1));
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let hour_ago = since_1970.as_millis() as i64 - 3_600_000;
    for nth in 0..RECORDS {
        for partition in 0..2 {
            let record =
                ProducerRecord::to("lines").partition(partition).timestamp(hour_ago + nth).value(b"line");
            drop(producer.send_blocking(record).unwrap());
        }
        if nth % 10 == 0 {
            producer.flush_blocking().unwrap();
        }
    }
    producer.flush_blocking().unwrap();
    wait_until("falling behind", || slow.metrics().pace.behind);
    let (fast_pace, slow_pace) = (fast.metrics().pace, slow.metrics().pace);
    assert!(!fast_pace.behind, "{fast_pace:?}");
    assert!(slow_pace.lag_seconds.unwrap() > 3_000.0, "{slow_pace:?}");
    let peers = slow_pace.peers.unwrap();
    assert_eq!((peers.instances, peers.lag_seconds), (1, Some(0.0)));
    let (samples, _) = read(&slow.metrics().to_prometheus()).unwrap();
    assert_eq!((samples["millstream_streams_behind_peers"], samples["millstream_streams_peers"]), (1.0, 1.0));
    let told = get(&slow, "/skew");
    let told: serde_json::Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&told["pace"]["behind"], told["instances"].as_array().unwrap().len()), (&true.into(), 2));
    block_on(fast.close()).unwrap();
    block_on(slow.close()).unwrap();
}

#[test]
fn a_thread_that_waits_says_so() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).start_blocking().unwrap();
    let waited = || app.metrics().threads.iter().map(|thread| thread.waited).sum::<std::time::Duration>();
    wait_until("tasks", || app.metrics().tasks().count() == 2);
    wait_until("waiting", || !waited().is_zero());
    let before = waited();
    wait_until("waiting on, though the thread posts nothing", || waited() > before);
    block_on(app.close()).unwrap();
}
