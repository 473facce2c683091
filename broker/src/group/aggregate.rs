//! A group: its members and its offsets, and how long what it leaves behind is kept.

use std::collections::HashSet;
use std::sync::Arc;

use super::classic::{ClassicGroup, GroupRecord, State};
use super::error::GroupError;
use super::ids::GroupId;
use super::limits::GroupLimits;
use super::offsets::{CommittedOffset, OffsetKey, Offsets};
use super::subscription;
use super::time::Now;

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) classic: ClassicGroup,
    pub(crate) offsets: Offsets,
}

impl Group {
    pub(crate) fn new(id: GroupId, limits: Arc<GroupLimits>, now: Now) -> Self {
        Self { classic: ClassicGroup::new(id, limits, now), offsets: Offsets::default() }
    }

    /// What a restart finds. A group that only ever committed has no record of its own.
    pub(crate) fn restored(
        id: GroupId,
        limits: Arc<GroupLimits>,
        record: Option<GroupRecord>,
        offsets: Offsets,
        now: Now,
    ) -> Self {
        let classic = match record {
            Some(record) => ClassicGroup::restored(id, limits, record, now),
            None => ClassicGroup::new(id, limits, now),
        };
        Self { classic, offsets }
    }

    /// Whether nobody would notice if the group were gone.
    pub(crate) fn is_vacant(&self) -> bool {
        self.classic.is_vacant() && self.offsets.is_empty()
    }

    /// Whether the group has neither members nor offsets: the retention removes it, with its record.
    pub(crate) fn is_spent(&self) -> bool {
        self.classic.state() == State::Empty && self.classic.has_no_pending() && self.offsets.is_empty()
    }

    /// Offsets whose time is over (KIP-211): of an empty group `retention_ms` after it became empty; of a group
    /// that never had members, after each commit; of a consumer group, those of topics that no member
    /// subscribes to any more.
    pub(crate) fn expired_offsets(&self, now_ms: i64, retention_ms: i64) -> Vec<OffsetKey> {
        let is_old = |committed: &CommittedOffset, since_ms: i64| match committed.expires_ms {
            Some(at) => now_ms >= at,
            None => now_ms.saturating_sub(since_ms) >= retention_ms,
        };
        let state = self.classic.state();
        if self.classic.protocol_type().is_none() {
            return self.offsets.keys(|_, committed| is_old(committed, committed.committed_ms));
        }
        if state == State::Empty {
            let empty_since = self.classic.state_since_ms();
            return self.offsets.keys(|_, committed| is_old(committed, empty_since));
        }
        match self.subscribed_topics().filter(|_| state == State::Stable) {
            Some(topics) => self.offsets.keys(|topic, committed| {
                !topics.contains(topic) && is_old(committed, committed.committed_ms)
            }),
            None => Vec::new(),
        }
    }

    /// Whether offsets may be deleted at all: a group that uses them in a way unknown to us must be empty.
    pub(crate) fn check_offset_delete(&self) -> Result<(), GroupError> {
        match self.classic.state() {
            State::Dead => Err(GroupError::GroupIdNotFound),
            State::Empty => Ok(()),
            _ if self.classic.is_consumer_group() => Ok(()),
            _ => Err(GroupError::NonEmptyGroup),
        }
    }

    pub(crate) fn check_delete(&self) -> Result<(), GroupError> {
        match self.classic.state() {
            State::Dead => Err(GroupError::GroupIdNotFound),
            State::Empty => Ok(()),
            _ => Err(GroupError::NonEmptyGroup),
        }
    }

    /// Whether a member may still read the topic. Where that is not known, it may.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        let topics = self.subscribed_topics();
        self.classic.has_members() && topics.is_none_or(|topics| topics.contains(topic))
    }

    /// Topics of all members of a consumer group. None: the members' metadata does not tell.
    fn subscribed_topics(&self) -> Option<HashSet<String>> {
        let protocol = self.classic.protocol_name().filter(|_| self.classic.is_consumer_group())?;
        let mut topics = HashSet::new();
        for member in self.classic.members() {
            let metadata = member.metadata(Some(protocol));
            topics.extend(subscription::topics(&metadata)?.into_iter().map(str::to_owned));
        }
        Some(topics)
    }
}
