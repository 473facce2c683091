//! Offsets: committed, asked for, deleted.

use std::sync::Arc;

use millstream_wire::ids::Offset;
use uuid::Uuid;

use super::cell::Locked;
use super::{GroupCoordinator, Stored};
use crate::group::classic::{Actions, Sender};
use crate::group::error::GroupError;
use crate::group::ids::GroupId;
use crate::group::offsets::{CommittedOffset, OffsetKey, Offsets};
use crate::group::record::RecordWriter;
use crate::group::time::Now;

/// One partition's offset as it is committed.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Box<str>,
    /// How long to keep it, where the client says so (before OffsetCommit 5), in milliseconds.
    pub(crate) retention_ms: Option<i64>,
}

/// A group's offsets, by topic.
pub(crate) type Fetched = Vec<(Arc<str>, Vec<(i32, Option<CommittedOffset>)>)>;

impl GroupCoordinator {
    /// Whether the note to an offset is short enough.
    pub(crate) fn check_metadata(&self, metadata: &str) -> Result<(), GroupError> {
        if metadata.len() > self.metadata_bytes_max {
            Err(GroupError::OffsetMetadataTooLarge)
        } else {
            Ok(())
        }
    }

    /// OffsetCommit. Answered when the offsets are durable. Whoever does not use group membership (a negative
    /// generation) makes the group by its first commit.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        id: &GroupId,
        sender: &Sender,
        commits: Vec<Commit>,
    ) -> Result<(), GroupError> {
        self.check_loaded()?;
        self.topic.ensure().await?;
        let store = |locked: &mut Locked, now: Now, _: &mut Actions| {
            locked.group.classic.check_commit(sender, now)?;
            self.store_commits(id, &mut locked.group.offsets, commits, now)
        };
        let (stored, _) = match sender.generation {
            0.. => self.with_group(id, store).ok_or(GroupError::GroupIdNotFound)?,
            _ => self.with_new_group(id, store)?,
        };
        self.durable(&stored?).await
    }

    fn store_commits(
        &self,
        id: &GroupId,
        offsets: &mut Offsets,
        commits: Vec<Commit>,
        now: Now,
    ) -> Result<Stored, GroupError> {
        let mut records = RecordWriter::new(now.wall_ms);
        let committed: Vec<_> = commits.into_iter().map(|commit| committed(commit, now)).collect();
        for ((topic, partition), value) in &committed {
            records.offset(id.as_str(), topic, *partition, value)?;
        }
        let stored = self.append(id, records)?;
        for ((topic, partition), value) in committed {
            // That of the last record of the commit: nothing of it is shown before all of it is durable.
            offsets.put(&topic, partition, CommittedOffset { stored_at: stored.last.0, ..value });
        }
        Ok(stored)
    }

    /// OffsetFetch of one group: of these partitions, or of all that have an offset. A group that does not exist
    /// has committed nothing. Waits until what it tells is durable.
    pub(crate) async fn committed(
        self: &Arc<Self>,
        id: &GroupId,
        wanted: Option<Vec<(Arc<str>, Vec<i32>)>>,
    ) -> Result<Fetched, GroupError> {
        self.check_loaded()?;
        let nothing = Offsets::default();
        let fetched = match self.find(id) {
            Some(cell) => self.look_up(&cell.locked.lock().group.offsets, wanted),
            None => self.look_up(&nothing, wanted),
        };
        let offsets = fetched.iter().flat_map(|(_, partitions)| partitions);
        let newest = offsets
            .filter_map(|(_, committed)| committed.as_ref())
            .map(|committed| committed.stored_at)
            .max();
        if let (Some(last), Some(partition)) = (newest, self.topic.partition_of(id.as_str())) {
            self.durable(&Stored { partition, last: Offset(last) }).await?;
        }
        Ok(fetched)
    }

    fn look_up(&self, offsets: &Offsets, wanted: Option<Vec<(Arc<str>, Vec<i32>)>>) -> Fetched {
        let of = |topic: &Arc<str>, partition| {
            (
                partition,
                offsets.get(topic, partition).filter(|committed| self.is_current(topic, committed)).cloned(),
            )
        };
        match wanted {
            Some(topics) => {
                let of_topic = |topic: Arc<str>, partitions: Vec<i32>| {
                    let found = partitions.into_iter().map(|partition| of(&topic, partition)).collect();
                    (topic, found)
                };
                topics.into_iter().map(|(topic, partitions)| of_topic(topic, partitions)).collect()
            }
            None => {
                let all = offsets.topics().map(|(topic, partitions)| {
                    let found = partitions.keys().map(|partition| of(topic, *partition));
                    (topic.clone(), found.filter(|(_, committed)| committed.is_some()).collect::<Vec<_>>())
                });
                all.filter(|(_, partitions)| !partitions.is_empty()).collect()
            }
        }
    }

    /// Whether the offset is one of the topic that has this name now.
    pub(super) fn is_current(&self, topic: &str, committed: &CommittedOffset) -> bool {
        let id = self.metadata.topic(topic).map(|topic| topic.id);
        id.is_none() || committed.topic_id.is_none() || id == committed.topic_id
    }

    /// OffsetDelete: one result for each partition.
    pub(crate) async fn delete_offsets(
        self: &Arc<Self>,
        id: &GroupId,
        keys: &[OffsetKey],
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        self.check_loaded()?;
        let known = self.with_group(id, |locked, _, _| {
            let group = &mut locked.group;
            group.check_offset_delete()?;
            let check = |(topic, _): &OffsetKey| match group.is_subscribed(topic) {
                true => Err(GroupError::GroupSubscribedToTopic),
                false => Ok(()),
            };
            let results: Vec<_> = keys.iter().map(check).collect();
            let allowed =
                keys.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(key, _)| key.clone());
            let stored = self.remove_offsets(id, &mut group.offsets, allowed.collect())?;
            Ok((results, stored))
        });
        let (results, stored) = known.ok_or(GroupError::GroupIdNotFound)?.0?;
        self.durable(&stored).await?;
        Ok(results)
    }

    /// Removes offsets, in the log first. Those that are not there need no tombstone.
    pub(super) fn remove_offsets(
        &self,
        id: &GroupId,
        offsets: &mut Offsets,
        keys: Vec<OffsetKey>,
    ) -> Result<Stored, GroupError> {
        let mut records = RecordWriter::new(self.clock.now().wall_ms);
        for (topic, partition) in
            keys.iter().filter(|(topic, partition)| offsets.get(topic, *partition).is_some())
        {
            records.no_offset(id.as_str(), topic, *partition)?;
        }
        let stored = self.append(id, records)?;
        for (topic, partition) in keys {
            offsets.remove(&topic, partition);
        }
        Ok(stored)
    }
}

fn committed(commit: Commit, now: Now) -> (OffsetKey, CommittedOffset) {
    let value = CommittedOffset {
        offset: commit.offset,
        leader_epoch: commit.leader_epoch,
        metadata: commit.metadata,
        committed_ms: now.wall_ms,
        expires_ms: commit.retention_ms.map(|retention| now.wall_ms.saturating_add(retention)),
        topic_id: Some(commit.topic_id),
        stored_at: -1,
    };
    ((commit.topic, commit.partition), value)
}
