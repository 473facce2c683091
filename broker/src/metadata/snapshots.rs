//! The snapshots beside the metadata log: written when the log has grown, the newest read at the start.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::ids::Offset;

use crate::config::Settings;
use crate::error::BrokerError;
use crate::log::Partition;
use crate::metadata::image::Image;
use crate::metadata::snapshot::{SnapshotId, decode};

/// The largest snapshot that is read: some millions of partitions.
const MAX_BYTES: usize = 1 << 30;

/// When the next snapshot is due.
#[derive(Debug)]
pub(super) struct Growth {
    /// `metadata.log.max.record.bytes.between.snapshots`
    max_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for no such bound.
    max_ms: i64,
    /// Bytes that the log has grown by since the last snapshot.
    bytes: u64,
    /// When that was, in ms since 1970.
    since_ms: i64,
}

impl Growth {
    pub(super) fn new(settings: &Settings, now_ms: i64) -> Self {
        let max_bytes = u64::try_from(settings.metadata_snapshot_bytes).unwrap_or(u64::MAX);
        Self { max_bytes, max_ms: settings.metadata_snapshot_interval_ms, bytes: 0, since_ms: now_ms }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Whether a snapshot is due; if so, the count begins anew.
    pub(super) fn take_due(&mut self, now_ms: i64) -> bool {
        let old = self.max_ms > 0 && now_ms.saturating_sub(self.since_ms) >= self.max_ms;
        let due = self.bytes >= self.max_bytes || old;
        if due {
            (self.bytes, self.since_ms) = (0, now_ms);
        }
        due
    }
}

/// Puts a snapshot in the place of the log before it. Blocks on the disk. What it holds is durable in the log, and
/// stays there until the snapshot is.
pub(super) fn replace_log(
    partition: &Partition,
    id: SnapshotId,
    bytes: &[u8],
    now_ms: i64,
) -> io::Result<()> {
    let (storage, dir) = partition.home();
    partition.begin_segment()?;
    // The directory that is synced here is the log's, too: its new segment is there before the old ones go.
    storage.replace(&dir.join(id.file_name()), bytes)?;
    tidy(partition, id, now_ms)
}

/// The newest snapshot that is whole, and the offset where the log goes on. What it makes superfluous is removed, for
/// a crash may have come before that.
pub(super) fn load(partition: &Partition, now_ms: i64) -> Result<(Image, Offset), BrokerError> {
    let (storage, dir) = partition.home();
    let start = partition.log_start_offset();
    let mut ids = list(partition).map_err(|error| damaged(start, error))?;
    ids.sort_unstable();
    while let Some(id) = ids.pop() {
        if id.offset > partition.log_end_offset() {
            let end = partition.log_end_offset();
            return Err(damaged(end, format!("the log ends here, before its snapshot {}", id.file_name())));
        }
        let read =
            storage.read_small(&dir.join(id.file_name()), MAX_BYTES).map_err(|error| error.to_string());
        match read.and_then(|bytes| decode(&Bytes::from(bytes))) {
            Ok(image) if start <= id.offset => {
                tidy(partition, id, now_ms).map_err(|error| damaged(id.offset, error))?;
                return Ok((image, id.offset));
            }
            Ok(_) => return Err(damaged(start, "the log begins here, behind its newest snapshot")),
            Err(reason) => {
                tracing::error!(snapshot = id.file_name(), reason, "a metadata snapshot is damaged")
            }
        }
    }
    if start > Offset(0) {
        return Err(damaged(start, "the log begins here, and no snapshot says what was before"));
    }
    Ok((Image::default(), start))
}

/// Removes the log before a durable snapshot, and older snapshots.
fn tidy(partition: &Partition, newest: SnapshotId, now_ms: i64) -> io::Result<()> {
    partition.drop_before(newest.offset, now_ms)?;
    let (storage, dir) = partition.home();
    list(partition)?
        .into_iter()
        .filter(|id| *id < newest)
        .try_for_each(|id| storage.remove_file(&dir.join(id.file_name())))
}

fn list(partition: &Partition) -> io::Result<Vec<SnapshotId>> {
    let (storage, dir) = partition.home();
    match storage.list(dir) {
        Ok(entries) => Ok(entries.iter().filter_map(|entry| SnapshotId::of_file_name(&entry.name)).collect()),
        // Nothing was written yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Says in the log, and to nobody else, that the metadata log goes on growing.
pub(super) async fn replace_log_aside(
    partition: Arc<Partition>,
    id: SnapshotId,
    bytes: Vec<u8>,
    now_ms: i64,
) {
    let replaced = tokio::task::spawn_blocking(move || replace_log(&partition, id, &bytes, now_ms)).await;
    match replaced {
        Ok(Ok(())) => tracing::info!("metadata snapshot {} written", id.file_name()),
        Ok(Err(error)) => tracing::error!(%error, "no metadata snapshot: the metadata log keeps growing"),
        Err(_stopping) => {}
    }
}

fn damaged(offset: Offset, reason: impl std::fmt::Display) -> BrokerError {
    BrokerError::Metadata { offset: offset.0, reason: reason.to_string() }
}
