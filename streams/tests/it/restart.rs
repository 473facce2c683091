//! What an instance finds when it comes back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{Cluster, counting, counts, wait_until};

const CHANGELOG: &str = "app-counts-changelog";

#[test]
fn its_tasks_if_it_said_that_it_would_come_back() {
    let cluster = Cluster::start(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let changes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&changes);
    let stays = cluster.app(counting(), one.path()).on_state(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let stays = stays.start_blocking().unwrap();
    let comes_back = || cluster.app(counting(), two.path()).start_blocking().unwrap();
    let leaver = comes_back();
    let tasks = |app: &Streams| app.metrics().running;
    wait_until("sharing", || tasks(&stays).len() == 2 && tasks(&leaver).len() == 2);
    let (kept, left) = (tasks(&stays), tasks(&leaver));

    let before = changes.load(Ordering::Relaxed);
    block_on(leaver.close_with(Closing::Restarting)).unwrap();
    let back = comes_back();
    wait_until("coming back", || tasks(&back) == left);
    assert_eq!(tasks(&stays), kept);
    assert_eq!(changes.load(Ordering::Relaxed), before, "the other instance was disturbed");

    block_on(back.close()).unwrap();
    wait_until("taking over what an instance gives up", || tasks(&stays).len() == 4);
    block_on(stays.close()).unwrap();
}

#[test]
fn an_empty_store_if_its_changelog_was_created_anew() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let count = |word: &str, expected: i64| {
        let app = cluster.app(counting(), state.path()).start_blocking().unwrap();
        wait_until("counting", || counts(&[&app]).get(word) == Some(&expected));
        let all = counts(&[&app]);
        block_on(app.close()).unwrap();
        all
    };
    cluster.send_bytes(&[b"a", b"b"]);
    assert_eq!(count("b", 1).len(), 2);

    let admin = &cluster.admin;
    let deleted = admin.blocking(admin.delete_topics([CHANGELOG])).unwrap();
    assert!(deleted.iter().all(|(_, deleted)| deleted.is_ok()), "{deleted:?}");
    admin.blocking(admin.create_topics([NewTopic::new(CHANGELOG, 1)])).unwrap();
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for count in 1..=5_i64 {
        let count = count.to_be_bytes();
        let record = ProducerRecord::to(CHANGELOG).partition(0).key(b"c").value(&count);
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
    assert_eq!(count("c", 5).len(), 1, "the old state is still there");
}

#[test]
fn the_rest_of_a_restore_that_a_close_has_cut_short() {
    const WORDS: usize = 5_000;
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..WORDS).map(|n| format!("word-{n}")).collect();
    cluster.send_bytes(&lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    let first = cluster.app(counting(), state.path()).start_blocking().unwrap();
    wait_until("counting", || counts(&[&first]).len() == WORDS && cluster.committed("lines") == WORDS as i64);
    block_on(first.close()).unwrap();
    std::fs::remove_dir_all(state.path().join("app")).unwrap();

    // Small fetches, of which the first waits for the close: it comes in the middle.
    let (restoring, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (begun, closed) = (Arc::clone(&restoring), Arc::clone(&closing));
    let app = cluster.app(counting(), state.path()).set("restore.consumer.max.partition.fetch.bytes", 1_000);
    let app = app.on_state(move |_, to| {
        closed.fetch_add(usize::from(to == AppState::PendingShutdown), Ordering::Relaxed);
    });
    let (said, heard) = mpsc::channel();
    let app = app.on_restore(move |progress| {
        let _ = said.send(progress.clone());
        begun.fetch_add(1, Ordering::Relaxed);
        wait_until("closing", || closing.load(Ordering::Relaxed) > 0);
    });
    let app = app.start_blocking().unwrap();
    wait_until("restoring", || restoring.load(Ordering::Relaxed) > 0);
    block_on(app.close()).unwrap();
    let cut = heard.iter().last().unwrap();
    assert!(cut.suspended && !cut.is_done(), "{cut:?}");

    let (said, heard) = mpsc::channel();
    let again = cluster.app(counting(), state.path()).on_restore(move |progress| {
        let _ = said.send(progress.clone());
    });
    let again = again.start_blocking().unwrap();
    wait_until("restoring the rest", || counts(&[&again]).len() == WORDS);
    assert!(counts(&[&again]).values().all(|count| *count == 1));
    block_on(again.close()).unwrap();
    let rest = heard.iter().last().unwrap();
    assert!(rest.is_done() && !rest.suspended, "{rest:?}");
    assert_eq!((rest.from, rest.remaining_time()), (cut.next, Some(std::time::Duration::ZERO)));
    assert_eq!((cut.records + rest.records) as i64, rest.end - cut.from);
}
