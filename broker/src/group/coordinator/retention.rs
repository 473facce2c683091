//! Offsets and groups that nobody needs any more.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::GroupCoordinator;
use super::cell::{GroupCell, Locked};
use crate::group::offsets::OffsetKey;
use crate::group::record::RecordWriter;

impl GroupCoordinator {
    /// Looks for expired offsets at every `offsets.retention.check.interval.ms`.
    pub(super) async fn forget_old_offsets(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(self.retention_check)).await;
            self.expire(self.clock.now().wall_ms);
        }
    }

    /// Removes what has expired by `now_ms`, milliseconds since 1970, and what topics that are gone have left.
    pub(super) fn expire(&self, now_ms: i64) {
        for cell in self.cells() {
            let mut locked = cell.locked.lock();
            let mut keys = locked.group.expired_offsets(now_ms, self.retention_ms);
            keys.extend(locked.group.offsets.keys(|topic, _| self.metadata.topic(topic).is_none()));
            if !keys.is_empty() {
                info!(group = %cell.id, offsets = keys.len(), "offsets expire");
                self.drop_offsets(&cell, &mut locked, keys);
            }
            if locked.group.is_spent() {
                self.drop_group(&cell, &mut locked);
            }
        }
    }

    /// The topic is gone: so are the offsets of its partitions, lest a topic of the same name begins with them.
    pub(crate) fn topic_deleted(&self, topic: &str) {
        for cell in self.cells() {
            let mut locked = cell.locked.lock();
            let keys = locked.group.offsets.keys(|name, _| name == topic);
            if !keys.is_empty() {
                self.drop_offsets(&cell, &mut locked, keys);
            }
        }
    }

    pub(super) fn cells(&self) -> Vec<Arc<GroupCell>> {
        self.groups.iter().map(|entry| entry.value().clone()).collect()
    }

    /// What cannot be removed now is found again by the next look.
    fn drop_offsets(&self, cell: &GroupCell, locked: &mut Locked, keys: Vec<OffsetKey>) {
        if let Err(error) = self.remove_offsets(&cell.id, &mut locked.group.offsets, keys) {
            warn!(group = %cell.id, %error, "offsets could not be removed");
        }
    }

    fn drop_group(&self, cell: &Arc<GroupCell>, locked: &mut Locked) {
        let mut records = RecordWriter::new(self.clock.now().wall_ms);
        let removed = records.no_group(cell.id.as_str()).and_then(|()| self.append(&cell.id, records));
        match removed {
            Ok(_) => {
                info!(group = %cell.id, "the group is removed: it has neither members nor offsets");
                locked.group.classic.die(self.clock.now());
                self.forget(cell);
            }
            Err(error) => warn!(group = %cell.id, %error, "the group could not be removed"),
        }
    }
}
