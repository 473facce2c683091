//! A bounded run of the fuzz targets: noise, and fixtures with damage.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

use crate::fixture::{file, hex, lines};

#[path = "../../fuzz/targets.rs"]
mod targets;

const ROUNDS: u64 = 3_000;
const LONGEST: usize = 400;

fn noise(random: &mut StdRng) -> Vec<u8> {
    let len = random.random_range(0..LONGEST);
    (0..len).map(|_| random.random()).collect()
}

/// One to four bytes of `seed` changed, and now and then cut.
fn damage(random: &mut StdRng, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..bytes.len());
        bytes[at] = random.random();
    }
    if random.random_bool(0.2) {
        bytes.truncate(random.random_range(0..=bytes.len()));
    }
    bytes
}

/// Runs `target` on noise and on damaged seeds. A failure prints the round, which is the seed of its randomness.
fn run(seeds: &[Vec<u8>], target: fn(&[u8])) {
    for round in 0..ROUNDS {
        let random = &mut StdRng::seed_from_u64(round);
        let input = match seeds {
            [] => noise(random),
            _ if round % 4 == 0 => noise(random),
            seeds => damage(random, &seeds[round as usize % seeds.len()]),
        };
        let result = std::panic::catch_unwind(|| target(&input));
        assert!(result.is_ok(), "round {round}: {input:02x?}");
    }
}

fn batch_files() -> impl Iterator<Item = Vec<u8>> {
    ["none", "gzip", "snappy", "lz4", "zstd", "transactional", "log-append-time"]
        .into_iter()
        .map(|name| file(&format!("batch-{name}.bin")))
        .chain(["control-commit.bin", "control-leader-change.bin", "compacted-11-13.bin"].map(file))
}

#[test]
fn batches() {
    let seeds: Vec<_> =
        batch_files().flat_map(|batch| [0, 1].map(|mode| [&[mode], &batch[..]].concat())).collect();
    run(&seeds, targets::batches);
}

#[test]
fn codecs() {
    let names = ["none", "gzip", "snappy", "lz4", "zstd"];
    let payload = |(codec, name)| [&[codec], &file(&format!("batch-{name}.bin"))[61..]].concat();
    let seeds: Vec<_> = (0u8..).zip(names).map(payload).collect();
    run(&seeds, targets::codecs);
}

#[test]
fn messages() {
    let seed = |line: &Vec<String>| {
        let (key, version): (u8, u8) = (line[1].parse().unwrap(), line[2].parse().unwrap());
        [&[key, version], &hex(&line[3])[..]].concat()
    };
    let seeds: Vec<_> = lines("messages.txt").iter().map(seed).collect();
    run(&seeds, targets::messages);
}

#[test]
fn internal() {
    let seeds: Vec<_> = lines("metadata.txt").iter().map(|line| hex(&line[2])).collect();
    run(&seeds, targets::internal);
}
