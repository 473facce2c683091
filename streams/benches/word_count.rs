//! What the library spends on a word: decode the line, split it, encode each word to the repartition topic; then decode it
//! from there, count it through the cache, and flush. No network, no disk: `cargo bench -p millstream-streams --bench
//! word_count [FILE]`. Prints nanoseconds and allocations per word, with `String` and with `Text` as the type of a word.

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
use millstream::store::memory::MemoryBackend;
use millstream::task::{InputId, RawRecord, Task, TaskEnv, TaskId};

use support::{ALLOCATIONS, Batches};

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_ascii_alphabetic()).filter(|word| !word.is_empty())
}

fn topology<W: Data<Present = W> + for<'a> From<&'a str>>() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream(Topic::<Option<String>, String>::new("lines"))
        .flat_map_values(|line, out| words(line).for_each(|word| out.push(W::from(word))))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to(Topic::<W, i64>::new("counts"));
    builder.build().unwrap()
}

fn task(topology: &Topology, subtopology: u32, sink: &mut Batches) -> Task {
    let stores = topology.subtopologies()[subtopology as usize].stores.len();
    let backends = (0..stores).map(|_| Box::new(MemoryBackend::new()) as _).collect();
    let cache = Rc::new(CacheBudget::new(10 << 20));
    Task::new(topology, TaskId { subtopology, partition: 0 }, TaskEnv { backends, sink, cache })
}

fn raw<'a>(offset: i64, key: Option<&'a [u8]>, value: &'a [u8]) -> RawRecord<'a> {
    RawRecord { offset, timestamp: offset, key, value: Some(value), headers: Headers::default() }
}

/// Nanoseconds and allocations per word of both halves.
fn measure(name: &str, topology: &Topology, lines: &[Vec<u8>], rounds: usize) {
    let mut repartition = Batches::default();
    let mut split = task(topology, 0, &mut repartition);
    let mut counts = Batches::default();
    let mut count = task(topology, 1, &mut counts);
    let (mut best, mut flush, mut allocations) = ([f64::MAX; 2], f64::MAX, [0.0; 2]);
    for _ in 0..rounds {
        repartition.bytes.clear();
        repartition.ends.clear();
        let (begin, before) = (Instant::now(), ALLOCATIONS.load(Ordering::Relaxed));
        for (offset, line) in lines.iter().enumerate() {
            split.process(InputId(0), raw(offset as i64, None, line), &mut repartition).unwrap();
        }
        let total = repartition.ends.len() as f64;
        best[0] = best[0].min(begin.elapsed().as_nanos() as f64 / total);
        allocations[0] = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / total;

        let (begin, before) = (Instant::now(), ALLOCATIONS.load(Ordering::Relaxed));
        let mut start = 0;
        for (offset, (key_end, end)) in repartition.ends.iter().enumerate() {
            let key = &repartition.bytes[start as usize..*key_end as usize];
            let value = &repartition.bytes[*key_end as usize..*end as usize];
            count.process(InputId(0), raw(offset as i64, Some(key), value), &mut counts).unwrap();
            start = *end;
        }
        best[1] = best[1].min(begin.elapsed().as_nanos() as f64 / total);
        allocations[1] = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / total;

        counts.ends.clear();
        let begin = Instant::now();
        count.flush(&mut counts).unwrap();
        count.write(|_| Position::Unchanged).unwrap();
        flush = flush.min(begin.elapsed().as_nanos() as f64 / (counts.ends.len() / 2) as f64);
    }
    let ([split, count], [split_allocations, count_allocations]) = (best, allocations);
    println!(
        "{name:>8}: {:.0} ns per word ({split:.0} split, {count:.0} count), {:.2} allocations per word \
         ({split_allocations:.2} + {count_allocations:.2}); flush: {flush:.0} ns per distinct word",
        split + count,
        split_allocations + count_allocations,
    );
}

/// Lines of ten words; a word of rank r of 16,000 comes as often as 1/r, like words of a novel.
fn generated() -> String {
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut text = String::new();
    for index in 1..=200_000 {
        let mut rank = 16_000_f64.powf(random()) as u32;
        while rank > 0 {
            text.push(char::from(b'a' + (rank % 26) as u8));
            text.push(char::from(b'a' + (rank % 7) as u8));
            rank /= 26;
        }
        text.push(if index % 10 == 0 { '\n' } else { ' ' });
    }
    text
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let text = file.map_or_else(generated, |path| std::fs::read_to_string(path).unwrap());
    let lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    measure("String", &topology::<String>(), &lines, 10);
    measure("Text", &topology::<Text>(), &lines, 10);
}
