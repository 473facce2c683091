//! Ranges that are not in the page cache: they are read on a blocking pool, for `sendfile` would hold up every
//! connection of its thread until the disk has answered.

use bytes::Bytes;
use rustix::io::{Errno, IoSliceMut, ReadWriteFlags};

use crate::api::fetch::collect::PartitionAnswer;
use crate::log::FileRange;

/// Shorter ranges are copied into the answer anyway.
const MIN_PROBED_BYTES: usize = 64 * 1024;

/// Whether the first or the last page of a range would have to come from the disk.
pub(super) fn is_cold(ranges: &[FileRange]) -> bool {
    ranges.iter().filter(|range| range.len >= MIN_PROBED_BYTES).any(|range| {
        let last = range.position + range.len as u64 - 1;
        !is_cached(range, last) || !is_cached(range, range.position)
    })
}

/// Asks the kernel for one byte without waiting. Where it cannot say, the page counts as cached.
#[cfg(target_os = "linux")]
fn is_cached(range: &FileRange, position: u64) -> bool {
    let Some(file) = range.file.descriptor() else { return true };
    let mut byte = [0];
    let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], position, ReadWriteFlags::NOWAIT);
    !matches!(read, Err(Errno::AGAIN))
}

#[cfg(not(target_os = "linux"))]
fn is_cached(_range: &FileRange, _position: u64) -> bool {
    true
}

/// Reads the cold ranges of an answer into memory. It is bounded by the fetch's own limits.
pub(super) async fn read(answers: Vec<PartitionAnswer>) -> Vec<PartitionAnswer> {
    let read = tokio::task::spawn_blocking(|| answers.into_iter().map(read_answer).collect());
    // It fails only where the runtime shuts down, and then nobody waits for the answer.
    read.await.unwrap_or_default()
}

fn read_answer(mut answer: PartitionAnswer) -> PartitionAnswer {
    if !is_cold(&answer.ranges) {
        return answer;
    }
    let mut bytes = Vec::with_capacity(answer.len());
    let result: std::io::Result<()> = answer.ranges.iter().try_for_each(|range| range.read(&mut bytes));
    match (result, &answer.partition) {
        (Ok(()), _) => answer.preread = Some(Bytes::from(bytes)),
        (Err(error), Some(partition)) => {
            let error = partition.read_failed(&error).code();
            answer.fail(error);
        }
        (Err(_), None) => answer.fail(kafka_protocol::ResponseError::KafkaStorageError),
    }
    answer
}
