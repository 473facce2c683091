//! Where an application begins to read that has committed nothing.

use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{Producer, ProducerRecord, TopicPartition};

use crate::cluster::{Cluster, LINES, PATIENCE, wait_until};

/// An application that tells of the lines it reads, from where the source or the configuration says.
fn topology(reset: Option<OffsetReset>) -> (Topology, std::sync::mpsc::Receiver<String>) {
    let (sender, received) = channel();
    let builder = StreamsBuilder::new();
    let lines = Consumed::from(LINES);
    let lines = match reset {
        Some(reset) => lines.offset_reset(reset),
        None => lines,
    };
    builder.stream(lines).for_each(move |_, line| drop(sender.send(line)));
    (builder.build().unwrap(), received)
}

/// Sends a line that is so old.
fn send(cluster: &Cluster, line: &str, age: Duration) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    let time = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - age).as_millis() as i64;
    let record = ProducerRecord::to("lines").partition(0).value(line).timestamp(time);
    drop(producer.send_blocking(record).unwrap());
    producer.flush_blocking().unwrap();
}

#[test]
fn an_age_is_where_records_are_young_enough() {
    for (of_source, of_application) in
        [(Some(OffsetReset::ByDuration(hours(1))), "earliest"), (None, "by_duration:PT1H")]
    {
        let (cluster, state) = (Cluster::start(1), tempfile::tempdir().unwrap());
        for (line, age) in [("yesterday", days(1)), ("before", hours(2)), ("lately", mins(30))] {
            send(&cluster, line, age);
        }
        let (topology, received) = topology(of_source);
        let app = cluster.app(topology, state.path()).set("auto.offset.reset", of_application);
        let app = app.start_blocking().unwrap();
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), "lately", "{of_application}");
        send(&cluster, "afterwards", days(2));
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), "afterwards");
        wait_until("the commit", || cluster.committed("lines") == 4);
        block_on(app.close()).unwrap();
    }
}

#[test]
fn none_stops_an_application_that_nobody_has_told_where_to_begin() {
    let (cluster, state) = (Cluster::start(1), tempfile::tempdir().unwrap());
    for line in ["one", "two", "three"] {
        send(&cluster, line, Duration::ZERO);
    }
    let (without, _) = topology(Some(OffsetReset::None));
    let app = cluster.app(without, state.path()).start_blocking().unwrap();
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("lines-0 (wanted -1) and auto.offset.reset=none"), "{stopped}");

    // Another application: what has stopped keeps its place in the group for a while.
    let begin = [(TopicPartition::new("lines", 0), 1)];
    cluster.admin.blocking(cluster.admin.alter_group_offsets("told", begin)).unwrap();
    let (topology, received) = topology(Some(OffsetReset::None));
    let app = cluster.app(topology, state.path()).application_id("told").start_blocking().unwrap();
    assert_eq!(received.recv_timeout(PATIENCE).unwrap(), "two");
    block_on(app.close()).unwrap();
}
