//! The shell: requests find their group, wait for its answers and for the disk; deadlines wake groups.

mod admin;
mod cell;
mod commit;
mod deadlines;
mod load;
mod look;
mod membership;
mod retention;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tracing::{error, warn};

pub(crate) use self::admin::{Description, Listing, MemberDescription};
use self::cell::{GroupCell, Locked};
pub(crate) use self::commit::Commit;
use self::deadlines::Deadlines;
pub(crate) use self::look::{GroupLook, GroupLooks, STATES};
use self::store::Stored;
use super::aggregate::Group;
use super::classic::{Actions, State};
use super::error::GroupError;
use super::ids::GroupId;
use super::limits::{GROUPS_MAX, GroupLimits};
use super::time::{Clock, Millis, Now};
use super::topic::OffsetsTopic;
use crate::config::Settings;
use crate::metadata::Metadata;

/// All groups of this broker.
pub(crate) struct GroupCoordinator {
    limits: Arc<GroupLimits>,
    /// `offset.metadata.max.bytes`
    metadata_bytes_max: usize,
    /// `offsets.commit.timeout.ms`
    commit_timeout: Duration,
    /// `offsets.retention.minutes`, in milliseconds.
    retention_ms: i64,
    /// `offsets.retention.check.interval.ms`
    retention_check: Millis,
    topic: OffsetsTopic,
    /// For offsets: only partitions that exist can be committed.
    metadata: Arc<Metadata>,
    clock: Clock,
    /// At most `GROUPS_MAX`. A shard's lock is held to find or add a group, never while one works.
    groups: DashMap<GroupId, Arc<GroupCell>>,
    deadlines: Deadlines,
    /// Whether what is stored has been read back; a new directory has nothing to read.
    is_loaded: AtomicBool,
}

impl GroupCoordinator {
    /// A coordinator without groups. `run` reads them back and keeps their deadlines.
    pub(crate) fn new(metadata: Arc<Metadata>, settings: &Settings) -> Arc<Self> {
        let millis = |setting: i32| u64::try_from(setting).unwrap_or(0);
        let limits = GroupLimits {
            session_timeout_min: millis(settings.group_min_session_timeout_ms),
            session_timeout_max: millis(settings.group_max_session_timeout_ms),
            initial_rebalance_delay: millis(settings.group_initial_rebalance_delay_ms),
            members_max: usize::try_from(settings.group_max_size).unwrap_or(usize::MAX),
        };
        let topic = OffsetsTopic::new(metadata.clone(), settings);
        Arc::new(Self {
            limits: Arc::new(limits),
            metadata_bytes_max: usize::try_from(settings.offset_metadata_max_bytes).unwrap_or(usize::MAX),
            commit_timeout: Duration::from_millis(millis(settings.offsets_commit_timeout_ms)),
            retention_ms: i64::from(settings.offsets_retention_minutes) * 60_000,
            retention_check: u64::try_from(settings.offsets_retention_check_interval_ms).unwrap_or(u64::MAX),
            is_loaded: AtomicBool::new(topic.existing().is_none()),
            topic,
            metadata,
            clock: Clock::start(),
            groups: DashMap::new(),
            deadlines: Deadlines::default(),
        })
    }

    /// Reads the groups back, and from then on keeps their deadlines and forgets their old offsets. Runs until it
    /// is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        if self.check_loaded().is_err() && !self.clone().read_back().await {
            error!("reading the groups back has failed: groups are not served until the broker is restarted");
            return;
        }
        tokio::join!(self.keep_deadlines(), self.forget_old_offsets());
    }

    /// Only ever before the first group is served: what is stored must not replace what lives.
    async fn read_back(self: Arc<Self>) -> bool {
        let coordinator = self.clone();
        let is_read = tokio::task::spawn_blocking(move || coordinator.load()).await.is_ok();
        self.is_loaded.store(is_read, Ordering::Release);
        is_read
    }

    async fn keep_deadlines(self: &Arc<Self>) {
        loop {
            let (at, id) = self.deadlines.next(&self.clock).await;
            self.tick(at, &id);
        }
    }

    fn tick(self: &Arc<Self>, at: Millis, id: &GroupId) {
        let Some(cell) = self.find(id) else { return };
        let mut locked = cell.locked.lock();
        locked.scheduled = locked.scheduled.filter(|scheduled| *scheduled != at);
        let mut actions = Actions::new();
        locked.group.classic.tick(self.clock.now(), &mut actions);
        self.carry_out(&cell, &mut locked, actions);
    }

    fn check_loaded(&self) -> Result<(), GroupError> {
        if self.is_loaded.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(GroupError::CoordinatorLoadInProgress)
        }
    }

    /// Makes sure that there is a place to store groups, as FindCoordinator does before it names this broker.
    pub(crate) async fn ensure_topic(&self) -> Result<(), GroupError> {
        self.topic.ensure().await
    }

    /// Runs `work` on a group, then carries out what the group wants. None: there is no such group.
    fn with_group<T>(
        self: &Arc<Self>,
        id: &GroupId,
        work: impl FnOnce(&mut Locked, Now, &mut Actions) -> T,
    ) -> Option<(T, Option<Stored>)> {
        let cell = self.find(id)?;
        let mut locked = cell.locked.lock();
        if locked.group.classic.state() == State::Dead {
            return None;
        }
        Some(self.work_on(&cell, &mut locked, work))
    }

    /// As `with_group`; a group that is not there is made.
    fn with_new_group<T>(
        self: &Arc<Self>,
        id: &GroupId,
        work: impl FnOnce(&mut Locked, Now, &mut Actions) -> T,
    ) -> Result<(T, Option<Stored>), GroupError> {
        loop {
            let cell = self.find_or_add(id)?;
            let mut locked = cell.locked.lock();
            // Deleted between the look-up and the lock; the map has or will have another.
            if locked.group.classic.state() != State::Dead {
                return Ok(self.work_on(&cell, &mut locked, work));
            }
            drop(locked);
            self.forget(&cell);
        }
    }

    fn work_on<T>(
        self: &Arc<Self>,
        cell: &Arc<GroupCell>,
        locked: &mut Locked,
        work: impl FnOnce(&mut Locked, Now, &mut Actions) -> T,
    ) -> (T, Option<Stored>) {
        let mut actions = Actions::new();
        let result = work(locked, self.clock.now(), &mut actions);
        let stored = self.carry_out(cell, locked, actions);
        (result, stored)
    }

    fn find(&self, id: &GroupId) -> Option<Arc<GroupCell>> {
        self.groups.get(id).map(|cell| cell.clone())
    }

    fn find_or_add(&self, id: &GroupId) -> Result<Arc<GroupCell>, GroupError> {
        if let Some(cell) = self.find(id) {
            return Ok(cell);
        }
        if self.groups.len() >= GROUPS_MAX {
            warn!(group = %id, "{GROUPS_MAX} groups exist: no other is made; delete groups that are not used");
            return Err(GroupError::CoordinatorNotAvailable);
        }
        let make =
            || GroupCell::new(id.clone(), Group::new(id.clone(), self.limits.clone(), self.clock.now()));
        Ok(self.groups.entry(id.clone()).or_insert_with(make).clone())
    }

    /// Takes the cell out of the map, unless another group has its name by now.
    fn forget(&self, cell: &Arc<GroupCell>) {
        self.groups.remove_if(&cell.id, |_, current| Arc::ptr_eq(current, cell));
    }

    /// Sees to it that the group is looked at when its next deadline comes.
    fn schedule(&self, cell: &GroupCell, locked: &mut Locked) {
        let Some(wake_at) = locked.group.classic.wake_at() else { return };
        if locked.scheduled.is_none_or(|scheduled| wake_at < scheduled) {
            self.deadlines.reschedule(&cell.id, locked.scheduled, Some(wake_at));
            locked.scheduled = Some(wake_at);
        }
    }
}
