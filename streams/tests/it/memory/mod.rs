//! Stores far larger than the memory they may take: the work slows down, and nothing dies.
//!
//! The application runs in a process of its own, this very program, whose memory a control group limits where one can be made.
//! `state.memory.bytes` has to hold in both of its lives: while the state is built and updated, and while it is restored.

mod limit;
mod worker;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::Cluster;
use limit::Limit;
use worker::{KEYS, RECORDS, Work};

/// What the process may take; its stores are larger than that.
const PROCESS_BYTES: u64 = 96 << 20;

#[test]
fn a_store_larger_than_the_memory_is_built_updated_and_restored_within_it() {
    let cluster = Cluster::start(1);
    fill(&cluster);
    // On a disk: what lies in a temporary file system would be memory.
    let state = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
    let work = Work { bootstrap: cluster.bootstrap(), state: state.path().to_owned() };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::worker::the_process_that_is_limited", "--nocapture"])
        .env(worker::WORK, work.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let limit = Limit::of(child.id(), PROCESS_BYTES);
    if let Err(why) = &limit {
        let line = format!("\nSKIPPED: the limit of memory because {why}; its peak is measured\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{said}", output.status);

    let figure = |name: &str| -> u64 {
        let found = said.lines().find_map(|line| line.split_once(name)?.1.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in\n{said}"))
    };
    let (on_disk, peak) = (figure("state on disk:"), figure("peak of resident memory:"));
    assert!(on_disk > PROCESS_BYTES, "only {on_disk} bytes of state");
    assert!(peak <= PROCESS_BYTES, "{peak} bytes were resident at once\n{said}");
    drop(limit);
}

/// Every key once, then half of them again, in an order that no cache can guess.
fn fill(cluster: &Cluster) {
    let admin = &cluster.admin;
    let topic = worker::VALUES;
    let created = admin.blocking(admin.create_topics([NewTopic::new(topic.name(), 1)])).unwrap();
    assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    for nth in 0..RECORDS {
        let (key, value) = (worker::key(nth % KEYS), worker::value(nth));
        let record = ProducerRecord::to(topic.name()).key(&key).value(&value);
        drop(producer.send_blocking(record).unwrap());
    }
    producer.flush_blocking().unwrap();
}

/// Bytes of the files below a directory.
fn bytes_below(directory: &Path) -> u64 {
    let entries = directory.read_dir().unwrap().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        // RocksDB deletes files while we look.
        Err(_) => 0,
    };
    entries.map(of).sum()
}
