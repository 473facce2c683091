//! What operators see of a group, and what a restart finds of it.

use std::sync::Arc;

use super::action::GroupRecord;
use super::member::Member;
use super::state::State;
use super::{ClassicGroup, GroupId, Now};
use crate::group::limits::GroupLimits;

/// The type of groups made of consumers that subscribe to topics.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

impl ClassicGroup {
    /// A group as a record tells of it. Its members have their session time-outs to be heard of again.
    pub(crate) fn restored(id: GroupId, limits: Arc<GroupLimits>, record: GroupRecord, now: Now) -> Self {
        let mut group = Self::new(id, limits, now);
        group.state = if record.members.is_empty() { State::Empty } else { State::Stable };
        if record.state_since_ms >= 0 {
            group.state_since_ms = record.state_since_ms;
        }
        group.generation = record.generation;
        group.protocol_type = record.protocol_type;
        group.protocol_name = record.protocol_name;
        let leader = record.leader;
        for stored in record.members {
            let member = Member::stored(stored, group.protocol_name.as_ref());
            let id = member.id.clone();
            group.members.remove(&id);
            group.members.insert(member);
            group.touch(&id, now);
        }
        let first = group.members.first(|_| true);
        group.leader = leader.filter(|id| group.members.contains(id)).or(first);
        group
    }

    pub(crate) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }
}
