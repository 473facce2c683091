//! What operators ask and do.

use std::sync::Arc;

use bytes::Bytes;

use super::GroupCoordinator;
use crate::group::classic::State;
use crate::group::error::GroupError;
use crate::group::ids::{GroupId, InstanceId, MemberId};
use crate::group::record::RecordWriter;

/// A line of ListGroups.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) id: GroupId,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) state: &'static str,
}

/// A group as DescribeGroups shows it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: Option<Arc<str>>,
    /// Only of a stable group.
    pub(crate) protocol: Option<Arc<str>>,
    pub(crate) members: Vec<MemberDescription>,
}

#[derive(Clone, Debug)]
pub(crate) struct MemberDescription {
    pub(crate) id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    /// Only of a stable group.
    pub(crate) metadata: Bytes,
    /// Only of a stable group.
    pub(crate) assignment: Bytes,
}

impl GroupCoordinator {
    /// All groups, in no order.
    pub(crate) fn list(&self) -> Result<Vec<Listing>, GroupError> {
        self.check_loaded()?;
        let cells: Vec<_> = self.groups.iter().map(|entry| entry.value().clone()).collect();
        let listing = cells.iter().map(|cell| {
            let classic = &cell.locked.lock().group.classic;
            let protocol_type = classic.protocol_type().cloned();
            Listing { id: cell.id.clone(), protocol_type, state: classic.state().name() }
        });
        Ok(listing.collect())
    }

    pub(crate) fn describe(&self, id: &GroupId) -> Result<Description, GroupError> {
        self.check_loaded()?;
        let cell = self.find(id).ok_or(GroupError::GroupIdNotFound)?;
        let locked = cell.locked.lock();
        let classic = &locked.group.classic;
        let is_stable = classic.state() == State::Stable;
        let protocol = classic.protocol_name().filter(|_| is_stable);
        let members = classic.members().map(|member| MemberDescription {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(protocol),
            assignment: if is_stable { member.assignment.clone() } else { Bytes::new() },
        });
        Ok(Description {
            state: classic.state().name(),
            protocol_type: classic.protocol_type().cloned(),
            protocol: protocol.cloned(),
            members: members.collect(),
        })
    }

    /// Deletes a group without members, with its offsets.
    pub(crate) async fn delete(self: &Arc<Self>, id: &GroupId) -> Result<(), GroupError> {
        self.check_loaded()?;
        let cell = self.find(id).ok_or(GroupError::GroupIdNotFound)?;
        let stored = {
            let mut locked = cell.locked.lock();
            locked.group.check_delete()?;
            let mut records = RecordWriter::new(self.clock.now().wall_ms);
            for (topic, partition) in locked.group.offsets.keys(|_, _| true) {
                records.no_offset(id.as_str(), &topic, partition)?;
            }
            records.no_group(id.as_str())?;
            let stored = self.append(id, records)?;
            locked.group.classic.die(self.clock.now());
            stored
        };
        self.forget(&cell);
        self.durable(&stored).await
    }
}
