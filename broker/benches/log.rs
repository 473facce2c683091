//! What an append and a read of the log cost, without the network: `cargo bench -p millstream-broker --bench log`
//! prints nanoseconds of this thread's CPU time, so that a busy machine disturbs little. The directory is a
//! temporary one (`TMPDIR`).

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for the terminal; a failure ends it"
)]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use millstream_broker::log::{AppendOrigin, Durability, LogConfig, Logs, LogsOptions, Partition, ReadUpTo};
use millstream_broker::storage::DiskStorage;
use millstream_wire::batch::{BatchWriter, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::crc::crc32c;
use millstream_wire::ids::{NodeId, Offset, PartitionIndex};
use uuid::Uuid;

/// Bytes appended per measurement.
const VOLUME: usize = 256 << 20;

fn batch(bytes: usize, value_len: usize) -> Bytes {
    let mut writer = BatchWriter::new(Compression::None, None);
    let value = vec![7; value_len];
    while writer.uncompressed_len() < bytes {
        writer.append(now_ms(), None, Some(&value), NO_HEADERS);
    }
    writer.finish().expect("a batch")
}

fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// CPU time of this thread, in ns: the first number of Linux's `schedstat`.
fn cpu_ns() -> usize {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn timed(name: &str, batches: usize, run: impl FnOnce()) {
    let start = cpu_ns();
    run();
    println!("{name:<34} {:>9} ns", (cpu_ns() - start) / batches);
}

fn open(dir: &std::path::Path, index: i32, durability: Durability) -> (Arc<Logs>, Arc<Partition>) {
    let options = LogsOptions::new(dir.join(format!("{index}")), NodeId(1));
    let logs = Logs::open(options, Arc::new(DiskStorage)).expect("logs");
    let config = LogConfig { durability, ..LogConfig::default() };
    let partition = logs.open_partition("bench", Uuid::from_u128(1), PartitionIndex(0), Arc::new(config));
    (logs, partition.expect("a partition"))
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (index, (kib, value_len)) in
        [(1, 100), (16, 100), (16, 1024), (128, 100), (128, 1024)].into_iter().enumerate()
    {
        let batch = batch(kib << 10, value_len);
        let rounds = (VOLUME / batch.len()).min(200_000);
        println!("-- {kib} KiB batches of {value_len}-byte values, {} bytes", batch.len());
        timed("crc32c alone", rounds, || {
            (0..rounds).for_each(|_| {
                black_box(crc32c(black_box(&batch)));
            })
        });
        let file = std::fs::File::create(dir.path().join("plain")).expect("a file");
        timed("write alone", rounds, || {
            use std::os::unix::fs::FileExt;
            (0..rounds).for_each(|at| file.write_all_at(&batch, (at * batch.len()) as u64).expect("a write"));
        });
        let _ = std::fs::remove_file(dir.path().join("plain"));
        let (logs, partition) = open(dir.path(), index as i32, Durability::Page);
        timed("append, page", rounds, || {
            for _ in 0..rounds {
                partition.append(batch.clone(), AppendOrigin::Client, now_ms()).expect("an append");
            }
        });
        let mut from = Offset(0);
        let end = partition.high_watermark();
        let reads = std::cell::Cell::new(0);
        let start = cpu_ns();
        while from < end {
            let slice = partition.read(from, 1 << 20, ReadUpTo::HighWatermark, true).expect("a read");
            from =
                Offset(from.0 + 1 + (slice.len() / batch.len()) as i64 * (end.0 / rounds as i64 - 1).max(1));
            black_box(&slice);
            reads.set(reads.get() + 1);
        }
        println!("{:<34} {:>9} ns", "read up to 1 MiB, ranges only", (cpu_ns() - start) / reads.get());
        drop(partition);
        logs.close().expect("a clean end");
        let _ = std::fs::remove_dir_all(dir.path().join(format!("{index}")));
    }
}
