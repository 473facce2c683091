//! Records that are not in the page cache: they are read on a blocking pool, for a look-up and `sendfile` would hold up
//! every connection of their thread until the disk has answered.

use std::io;

use bytes::Bytes;

use crate::api::fetch::collect::{Limits, PartitionAnswer};
use crate::api::fetch::plan::Plan;
use crate::log::FileRange;
use crate::server::Fault;
use crate::storage::Reach;

/// Whether the last byte of a range would have to come from the disk. The first ones were there when it was looked up.
pub(super) fn is_cold(ranges: &[FileRange]) -> bool {
    ranges.iter().any(|range| {
        let last = (range.position + range.len as u64).saturating_sub(1);
        let read = range.file.read_cached(&mut [0], last);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    })
}

/// Collects the answers of a fetch with the records in memory, which the fetch's own limits bound. Returns the session's
/// id too.
pub(super) async fn collect(mut plan: Plan, limits: Limits) -> Result<(i32, Vec<PartitionAnswer>), Fault> {
    let collected = tokio::task::spawn_blocking(move || {
        let collected = plan.collect(&limits, Reach::Disk);
        (plan.session_id(), plan.select(collected).into_iter().map(read).collect())
    });
    // It fails only where the runtime shuts down, and then nobody waits for the answer.
    collected.await.map_err(|error| Fault::Unreadable(io::Error::other(error)))
}

fn read(mut answer: PartitionAnswer) -> PartitionAnswer {
    if !is_cold(&answer.ranges) {
        return answer;
    }
    let mut bytes = Vec::with_capacity(answer.len());
    let result: io::Result<()> = answer.ranges.iter().try_for_each(|range| range.read(&mut bytes));
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
