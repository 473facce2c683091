//! Windows that are told of once: also over a restart, and by the wall clock of a broker's application.

use std::path::Path;
use std::sync::LazyLock;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::serde::Serde;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{Cluster, read};

const VIEWS: WindowStore<String, i64> = WindowStore::new("views").retention(hours(1));
const PAGES: Topic<String, String> = Topic::new("lines");
const FINAL: Topic<Windowed<String>, i64> = Topic::windowed("final", secs(10));
const LATE: Topic<String, String> = Topic::new("late");
/// When the test begins, in event time. Not long ago: a changelog whose windows expire is cleaned by the broker.
static BEGIN: LazyLock<i64> = LazyLock::new(|| last(mins(30)).start / 60_000 * 60_000);

fn start(cluster: &Cluster, emit: Emit, state: &Path) -> Streams {
    let builder = StreamsBuilder::new();
    let views = builder.stream(PAGES).group_by_key().windowed_by(TimeWindows::of(secs(10))).emit(emit);
    views.late(|late| drop(late.to(LATE))).count(VIEWS).to(FINAL);
    cluster.app(builder.build().unwrap(), state).start_blocking().unwrap()
}

fn cluster() -> Cluster {
    let cluster = Cluster::start(1);
    let created = cluster.admin.create_topics([NewTopic::new("final", 1), NewTopic::new("late", 1)]);
    cluster.admin.blocking(created).unwrap();
    cluster
}

/// Sends views of pages, as seconds after the beginning.
fn send(cluster: &Cluster, views: &[(&str, i64)]) {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for (page, second) in views {
        let record = ProducerRecord::to("lines").key(*page).value("").timestamp(*BEGIN + second * 1_000);
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
}

/// Page, start of its window in seconds after the beginning, and count: the first `count` that were told of.
fn told(cluster: &Cluster, count: usize) -> Vec<(String, i64, i64)> {
    let serde = millstream::serde::TimeWindowedSerde::new(millstream::serde::Native, secs(10));
    let records = read(&cluster.bootstrap(), "final", 1, count).into_iter();
    let told = records.map(|record| {
        let Windowed { key, window } = serde.decode(Some(&record.key)).unwrap();
        (key, (window.start - *BEGIN) / 1_000, i64::from_be_bytes(record.value.try_into().unwrap()))
    });
    told.collect()
}

fn expected(told: &[(&str, i64, i64)]) -> Vec<(String, i64, i64)> {
    told.iter().map(|(page, start, count)| ((*page).to_owned(), *start, *count)).collect()
}

#[test]
fn what_was_told_before_a_restart_is_not_told_again() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let app = start(&cluster, Emit::OnClose, state.path());
    send(&cluster, &[("a", 0), ("b", 1), ("a", 2), ("c", 15)]);
    let first = [("a", 0, 2), ("b", 0, 1)];
    assert_eq!(told(&cluster, 2), expected(&first));
    block_on(app.close()).unwrap();

    // Another machine, so to speak: what it knows comes from the group and the changelog.
    let elsewhere = tempfile::tempdir().unwrap();
    let app = start(&cluster, Emit::OnClose, elsewhere.path());
    send(&cluster, &[("a", 3), ("c", 16), ("a", 25)]);
    let both = [first.as_slice(), &[("c", 10, 2)]].concat();
    assert_eq!(told(&cluster, 3), expected(&both));
    let late = read(&cluster.bootstrap(), "late", 1, 1);
    assert_eq!((late[0].key.as_slice(), late[0].timestamp), (b"a".as_slice(), *BEGIN + 3_000));
    assert_eq!(block_on(app.store(VIEWS).unwrap().get("a", *BEGIN)).unwrap(), Some(2), "closed is closed");
    block_on(app.close()).unwrap();
}

#[test]
fn a_silent_input_has_its_windows_closed_once() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let emit = Emit::OnCloseOrSilence(millis(100));
    let app = start(&cluster, emit, state.path());
    send(&cluster, &[("a", 0), ("b", 11)]);
    let first = [("a", 0, 1), ("b", 10, 1)];
    assert_eq!(told(&cluster, 2), expected(&first));
    block_on(app.close()).unwrap();

    let app = start(&cluster, emit, state.path());
    // The wall clock has closed every window that ended before it.
    send(&cluster, &[("b", 12)]);
    assert_eq!(read(&cluster.bootstrap(), "late", 1, 1)[0].timestamp, *BEGIN + 12_000);
    let ahead = 3_600;
    send(&cluster, &[("c", ahead), ("d", ahead + 10)]);
    let both = [first.as_slice(), &[("c", ahead, 1)]].concat();
    assert_eq!(told(&cluster, 3), expected(&both));
    block_on(app.close()).unwrap();
}
