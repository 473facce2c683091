//! What a group wants done: answers, and records that are reported back when they are durable.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_wire::ids::Offset;
use tokio::time::Instant;
use tracing::warn;

use super::GroupCoordinator;
use super::cell::{GroupCell, Locked};
use crate::group::classic::{Action, Actions, ClassicGroup, GroupRecord, StoreId};
use crate::group::error::GroupError;
use crate::group::ids::GroupId;
use crate::group::record::RecordWriter;
use crate::log::{AppendError, AppendOrigin, Partition};

/// Where an event's last record lies: its answer may be given when that is durable.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) partition: Arc<Partition>,
    pub(super) last: Offset,
}

impl GroupCoordinator {
    /// Does what a group wants done, and what follows from that. Returns where the last record lies.
    pub(super) fn carry_out(
        self: &Arc<Self>,
        cell: &Arc<GroupCell>,
        locked: &mut Locked,
        actions: Actions,
    ) -> Option<Stored> {
        let mut stored = None;
        let mut todo = VecDeque::from(actions);
        while let Some(action) = todo.pop_front() {
            match action {
                Action::AnswerJoin(ticket, answer) => locked.answer_join(ticket, answer),
                Action::AnswerSync(ticket, answer) => locked.answer_sync(ticket, answer),
                Action::Store(id, record) => {
                    let mut follow_up = Actions::new();
                    match self.store_group(&cell.id, &record) {
                        Ok(place) => {
                            self.report_when_durable(
                                cell,
                                &mut locked.group.classic,
                                id,
                                &place,
                                &mut follow_up,
                            );
                            stored = Some(place);
                        }
                        Err(why) => {
                            locked.group.classic.stored(id, Err(why), self.clock.now(), &mut follow_up)
                        }
                    }
                    todo.extend(follow_up);
                }
            }
        }
        self.schedule(cell, locked);
        if locked.is_vacant() {
            locked.group.classic.die(self.clock.now());
            self.forget(cell);
        }
        stored
    }

    /// Waits until a record is durable: before that nobody may be told of it.
    pub(super) async fn durable(&self, stored: &Stored) -> Result<(), GroupError> {
        let deadline = Instant::now() + self.commit_timeout;
        stored.partition.wait_until(stored.last, deadline).await.map_err(|why| not_stored(&why))
    }

    fn store_group(&self, id: &GroupId, record: &GroupRecord) -> Result<Stored, GroupError> {
        let mut records = RecordWriter::new(self.clock.now().wall_ms);
        records.group(id.as_str(), record)?;
        self.append(id, records)
    }

    /// Appends records to the group's partition. The caller holds the group's lock.
    pub(super) fn append(&self, id: &GroupId, records: RecordWriter) -> Result<Stored, GroupError> {
        let partition = self.topic.partition_of(id.as_str()).ok_or(GroupError::CoordinatorNotAvailable)?;
        let Some(batches) = records.finish()? else {
            let last = Offset(partition.log_end_offset().0 - 1);
            return Ok(Stored { partition, last });
        };
        match partition.append(batches, AppendOrigin::Coordinator, self.clock.now().wall_ms) {
            Ok(appended) => Ok(Stored { last: appended.last_offset, partition }),
            Err(why) => {
                warn!(group = %id, partition = %partition.name(), error = %why, "a group's record is not stored");
                Err(not_stored(&why))
            }
        }
    }

    /// Tells the group when its record is durable: at once where it already is.
    fn report_when_durable(
        self: &Arc<Self>,
        cell: &Arc<GroupCell>,
        classic: &mut ClassicGroup,
        id: StoreId,
        place: &Stored,
        out: &mut Actions,
    ) {
        if place.partition.high_watermark() > place.last {
            classic.stored(id, Ok(()), self.clock.now(), out);
            return;
        }
        // Weak: what still waits for the disk when the broker stops must not keep its directory in use.
        let (coordinator, cell) = (Arc::downgrade(self), cell.clone());
        let (partition, last) = (place.partition.clone(), place.last);
        let deadline = Instant::now() + self.commit_timeout;
        tokio::spawn(async move {
            let fate = partition.wait_until(last, deadline).await.map_err(|why| not_stored(&why));
            let Some(coordinator) = coordinator.upgrade() else { return };
            let mut locked = cell.locked.lock();
            let mut actions = Actions::new();
            locked.group.classic.stored(id, fate, coordinator.clock.now(), &mut actions);
            coordinator.carry_out(&cell, &mut locked, actions);
        });
    }
}

/// What clients are told, as Kafka's coordinators translate what their log says.
fn not_stored(why: &AppendError) -> GroupError {
    match why {
        AppendError::Offline(_) => GroupError::NotCoordinator,
        AppendError::Deleted | AppendError::TimedOut => GroupError::CoordinatorNotAvailable,
        _ => GroupError::RecordTooLarge,
    }
}
