//! What the library spends on an event of a windowed count: one-minute windows, events out of order within 30 s, decoded,
//! counted through the cache, flushed every 100,000 events, as a commit does. No network, no disk:
//! `cargo bench -p millstream-streams --bench windowed_count`. Prints nanoseconds and allocations per event, with `String` and
//! with `Text` as the type of a key.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops at the first error"
)]

mod support;

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use millstream::data::Data;
use millstream::prelude::*;
use millstream::processor::Headers;
use millstream::store::backend::Position;
use millstream::store::cache::CacheBudget;
use millstream::store::memory;
use millstream::task::{InputId, RawRecord, Task, TaskEnv, TaskId};

use support::{ALLOCATIONS, Batches};

const EVENTS: usize = 2_000_000;
const PAGES: u64 = 2_000;
const PER_COMMIT: usize = 100_000;

fn topology<K: Data<Present = K>>(emit: Emit) -> Topology {
    let builder = StreamsBuilder::new();
    let minutes = TimeWindows::of(mins(1)).grace(secs(30));
    let grouped = builder.stream(Topic::<K, String>::new("views")).group_by_key();
    grouped
        .windowed_by(minutes)
        .emit(emit)
        .count(WindowStore::<K, i64>::new("views").in_memory())
        .to(Topic::windowed("per-minute", mins(1)));
    builder.build().unwrap()
}

/// Key and time (ms) of each event: a thousand events a second, some pages far more often than others.
fn events() -> Vec<(Vec<u8>, i64)> {
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let event = |nth: usize| {
        let page = (random() % PAGES) * (random() % PAGES) / PAGES;
        let lateness = if random() % 3 == 0 { random() % 30_000 } else { 0 };
        (format!("/page/{page}").into_bytes(), (nth as i64 - lateness as i64).max(0))
    };
    (0..EVENTS).map(event).collect()
}

fn measure(name: &str, topology: &Topology, events: &[(Vec<u8>, i64)]) {
    let mut out = Batches::default();
    let backends = topology.subtopologies()[0].stores.iter().map(memory::open).collect();
    let cache = Rc::new(CacheBudget::new(10 << 20));
    let env = TaskEnv { backends, sink: &mut out, cache };
    let mut task = Task::new(topology, TaskId { subtopology: 0, partition: 0 }, env);
    let (mut counting, mut flushing, mut allocations, mut emitted) = (0, 0, 0, 0);
    for (nth, batch) in events.chunks(PER_COMMIT).enumerate() {
        let (begin, before) = (Instant::now(), ALLOCATIONS.load(Ordering::Relaxed));
        for (index, (key, timestamp)) in batch.iter().enumerate() {
            let offset = (nth * PER_COMMIT + index) as i64;
            let (key, value, headers) = (Some(&key[..]), Some(&b""[..]), Headers::default());
            let record = RawRecord { offset, timestamp: *timestamp, key, value, headers };
            task.process(InputId(0), record, &mut out).unwrap();
        }
        counting += begin.elapsed().as_nanos();
        allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
        let begin = Instant::now();
        task.flush(&mut out).unwrap();
        task.write(|_| Position::Unchanged).unwrap();
        flushing += begin.elapsed().as_nanos();
        emitted += out.ends.len();
        out.bytes.clear();
        out.ends.clear();
    }
    let per_event = |total: f64| total / events.len() as f64;
    println!(
        "{name:>20}: {:.0} ns per event, {:.2} allocations; {:.0} ns more for commits, {emitted} records out, {} dropped",
        per_event(counting as f64),
        per_event(allocations as f64),
        per_event(flushing as f64),
        task.dropped_records(),
    );
}

fn main() {
    let events = events();
    for _ in 0..3 {
        measure("String, on update", &topology::<String>(Emit::OnUpdate), &events);
        measure("Text, on update", &topology::<Text>(Emit::OnUpdate), &events);
        measure("Text, on close", &topology::<Text>(Emit::OnClose), &events);
    }
}
