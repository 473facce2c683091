//! What a worker takes in memory while nobody takes its records.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Child;

use crate::program::{fed, ok};
use crate::running::{Running, wait_until};

/// Records of 2 KiB: far more than the worker may take.
const RECORDS: usize = 80_000;
const FILLER: usize = 2_030;
/// Then short ones, which take many times their bytes.
const SHORT: usize = 200_000;
/// What the worker may take is 4 MiB; the program itself, its clients and what they fetch ahead take the rest.
const PEAK_MAX_KIB: u64 = 110 << 10;

/// The most memory that a process has had, in KiB.
fn peak(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many records tasks have read.
fn read(worker: &Running) -> u64 {
    let (_, page) = worker.ask_text("GET", "/metrics", None);
    let counts = page.lines().filter(|line| line.starts_with("millstream_connect_records_read_total"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

#[test]
fn a_sink_that_hangs_bounds_what_its_worker_takes_in_memory_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let filler = "x".repeat(FILLER);
    for part in 0..8 {
        let mut lines = String::new();
        for number in part * RECORDS / 8..(part + 1) * RECORDS / 8 {
            writeln!(lines, "{number} {filler}").unwrap();
        }
        for number in part * SHORT / 8..(part + 1) * SHORT / 8 {
            writeln!(lines, "{}", RECORDS + number).unwrap();
        }
        assert!(fed(&["produce", "hung"], &lines).status.success());
    }
    let pipeline = dir.path().join("pipeline.yaml");
    let written = |connector: &str| {
        let text = format!(
            "worker: {{listeners: 'http://127.0.0.1:0', value.converter: string, worker.memory.bytes: 4194304}}
connectors:
  hung: {{{connector}, topics: hung, consumer.override.session.timeout.ms: 6000}}
"
        );
        std::fs::write(&pipeline, text).unwrap();
        pipeline.display().to_string()
    };
    // It never reads what it is written.
    let hangs = written("connector.class: exec-sink, command: sleep 100000, answer.timeout.ms: 1h");
    let worker = Running::start(&["connect", "run", "--quiet", &hangs]);
    let (mut last, mut looks) = (0, 0);
    wait_until("an end of reading", || {
        let now = read(&worker);
        looks = if now > 0 && now == last { looks + 1 } else { 0 };
        last = now;
        looks == 60
    });
    let peak = peak(&worker.child);
    drop(worker);
    assert!(last < (RECORDS + SHORT) as u64 / 4, "it has read {last}");
    assert!(peak < PEAK_MAX_KIB, "it took {peak} KiB, having read {last} records");

    let file = format!("connector.class: file-sink, file: {path}/out.txt");
    ok(&["connect", "run", "--once", "--quiet", &written(&file)]);
    let out = std::fs::read_to_string(dir.path().join("out.txt")).unwrap();
    let there: BTreeSet<usize> =
        out.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(there.len(), RECORDS + SHORT);
}
