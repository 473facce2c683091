//! Putting records aside under overload.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use millstream::errors;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{self, Cluster, LINES, wait_until};

const LATER: Topic<Option<String>, String> = Topic::new("later");
const OUT: Topic<Option<String>, String> = Topic::new("out");
const NOW_MS: i64 = 1_000_000_000;

fn topology(when: Overload) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).shed(when, |_, line| line.starts_with('d'), LATER).to(OUT);
    builder.build().unwrap()
}

fn driver(when: Overload) -> TestDriver {
    TestDriver::builder(&topology(when)).wall_clock(NOW_MS).build().unwrap()
}

fn values(driver: &mut TestDriver, topic: Topic<Option<String>, String>) -> Vec<String> {
    driver.output(topic).drain().into_iter().map(|record| record.value).collect()
}

#[test]
fn it_begins_at_the_bound_and_ends_when_little_is_left() {
    let mut driver = driver(Overload::behind(secs(60)).until(0.1));
    let mut send = |behind_s: i64, line: &str| {
        driver.input(LINES).at(NOW_MS - behind_s * 1_000).send_value(line).unwrap();
    };
    // Times that run backwards are those of late records: the latest counts.
    for (behind_s, line) in [(90, "d1"), (59, "d2"), (95, "d3"), (30, "i4"), (7, "d5"), (5, "d6"), (90, "d7")]
    {
        send(behind_s, line);
    }
    assert_eq!(values(&mut driver, LATER), ["d1", "d2", "d3", "d5"]);
    assert_eq!(values(&mut driver, OUT), ["i4", "d6", "d7"]);
    assert_eq!(driver.metrics().iter().map(|task| task.shed).sum::<u64>(), 4);
    driver.advance_wall_clock(secs(60)).unwrap();
    driver.input(LINES).at(NOW_MS - 5_000).send_value("d8").unwrap();
    assert_eq!(values(&mut driver, LATER), ["d8"]);
}

#[test]
fn what_waits_counts_where_it_is_known() {
    let mut driver = driver(Overload::backlog(1_000));
    for (backlog, line) in [(999, "d1"), (1_000, "d2"), (500, "d3"), (499, "d4"), (999, "d5")] {
        driver.set_backlog(backlog);
        driver.input(LINES).at(NOW_MS).send_value(line).unwrap();
    }
    assert_eq!(values(&mut driver, LATER), ["d2", "d3"]);
    assert_eq!(values(&mut driver, OUT), ["d1", "d4", "d5"]);
}

#[test]
fn nobody_who_has_read_everything_is_overloaded() {
    let mut driver = driver(Overload::behind(secs(60)));
    driver.set_backlog(0);
    driver.input(LINES).at(0).send_value("d1").unwrap();
    assert_eq!(values(&mut driver, OUT), ["d1"]);
}

#[test]
fn headers_say_why_and_from_where() {
    let mut driver = driver(Overload::behind(secs(60)));
    driver.set_backlog(70_000);
    driver.input(LINES).at(NOW_MS - 90_000).send_value("i0").unwrap();
    driver.input(LINES).at(NOW_MS - 90_000).header("mine", b"kept").send_value("d1").unwrap();
    let [aside] = &driver.output(LATER).drain()[..] else { panic!("one record is put aside") };
    let header = |name: &str| {
        let value = aside.headers.last(name).unwrap().value.as_deref().unwrap();
        String::from_utf8(value.to_vec()).unwrap()
    };
    assert_eq!((aside.timestamp, header("mine")), (NOW_MS - 90_000, "kept".to_owned()));
    assert_eq!(header(errors::EXCEPTION), "millstream::Shed");
    let message = "put aside under overload: 90000 ms behind, 70000 records wait";
    assert_eq!(header(errors::MESSAGE), message);
    assert_eq!(header(errors::STACKTRACE), format!("task 0_0, node KSTREAM-SHED-0000000001: {message}"));
    assert_eq!([errors::TOPIC, errors::PARTITION, errors::OFFSET].map(header), ["lines", "0", "1"]);
}

#[test]
fn the_drawing_shows_where_records_are_put_aside() {
    let text = topology(Overload::backlog(1)).describe().to_string();
    for line in [
        "    Processor: KSTREAM-SHED-0000000001 (stores: [])\n      --> KSTREAM-SINK-0000000002, KSTREAM-SINK-0000000003\n",
        "    Sink: KSTREAM-SINK-0000000002 (topic: later)\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_task_that_is_too_slow_keeps_what_matters_and_loses_nothing() {
    const RECORDS: i64 = 600;
    let cluster = Cluster::start(1);
    let created = cluster.admin.blocking(cluster.admin.create_topics([NewTopic::new("later", 1)])).unwrap();
    assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let hour_ago = since_1970.as_millis() as i64 - 3_600_000;
    let line = |nth: i64| format!("{}-{nth}", if nth % 3 == 0 { "important" } else { "debug" });
    for nth in 0..RECORDS {
        let line = line(nth);
        let record =
            ProducerRecord::to("lines").partition(0).timestamp(hour_ago + nth).value(line.as_bytes());
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
    let processed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&processed);
    let builder = StreamsBuilder::new();
    let busy = Overload::behind(secs(600));
    builder.stream(LINES).shed(busy, |_, line| line.starts_with('d'), LATER).for_each(move |_, line| {
        std::thread::sleep(Duration::from_millis(1));
        seen.lock().unwrap().push(line);
    });
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(builder.build().unwrap(), state.path()).start_blocking().unwrap();
    wait_until("reading all", || {
        app.metrics().tasks().map(|task| task.records).sum::<u64>() == RECORDS as u64
    });
    wait_until("committing", || cluster.committed("lines") == RECORDS);
    let shed = app.metrics().tasks().map(|task| task.shed).sum::<u64>() as usize;
    let text = app.metrics().to_prometheus();
    assert!(text.contains(&format!("task_shed_records_total{{thread=\"1\",task=\"0_0\"}} {shed}")), "{text}");
    block_on(app.close()).unwrap();

    let aside = cluster::read(&cluster.bootstrap(), "later", 1, shed);
    let aside: Vec<String> =
        aside.into_iter().map(|written| String::from_utf8(written.value).unwrap()).collect();
    let processed = processed.lock().unwrap().clone();
    // What was read last of what was there may go on.
    let debug: Vec<String> = (0..RECORDS).map(line).filter(|line| line.starts_with('d')).collect();
    assert!(aside.len() > debug.len() / 2, "{} of {}", aside.len(), debug.len());
    let in_order: Vec<String> = debug.into_iter().filter(|line| aside.contains(line)).collect();
    assert_eq!(aside, in_order);
    let important: Vec<String> = (0..RECORDS).map(line).filter(|line| !aside.contains(line)).collect();
    assert_eq!(processed, important);
}
