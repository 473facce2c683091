//! One member of a classic group.

use std::sync::Arc;

use bytes::Bytes;

use super::action::{Join, JoinedMember, MemberRecord, Ticket};
use crate::group::ids::{InstanceId, MemberId};
use crate::group::time::Millis;

/// A way to assign that a member knows, and what the member wants its leader to know for it. The bytes are the
/// clients' own affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: Arc<str>,
    pub(crate) metadata: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) session_timeout: Millis,
    pub(crate) rebalance_timeout: Millis,
    /// The one it likes best first.
    pub(crate) protocols: Vec<Protocol>,
    /// What the leader of the last stored generation gave it.
    pub(crate) assignment: Bytes,
    /// Its JoinGroup that waits for the others. Set through `Members`, which counts.
    pub(super) awaiting_join: Option<Ticket>,
    /// Its SyncGroup that waits for the leader's.
    pub(super) awaiting_sync: Option<Ticket>,
    /// It was never answered, so that it cannot heartbeat and a waiting JoinGroup does not keep it alive.
    pub(super) is_new: bool,
    /// It has asked for its assignment of this generation.
    pub(super) synced: bool,
    /// When it is dropped unless it is heard of. None: its time ran out while it waited for an answer of ours;
    /// the answer starts it anew.
    pub(super) deadline: Option<Millis>,
}

impl Member {
    /// A member as it asks to be let in.
    pub(super) fn joining(id: MemberId, join: Join) -> Self {
        Self {
            id,
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: true,
            synced: false,
            deadline: None,
        }
    }

    /// A member of a stored generation.
    pub(super) fn stored(record: MemberRecord, protocol_name: Option<&Arc<str>>) -> Self {
        let name = protocol_name.cloned().unwrap_or_else(|| "".into());
        Self {
            id: record.id,
            instance_id: record.instance_id,
            client_id: record.client_id,
            client_host: record.client_host,
            session_timeout: record.session_timeout,
            rebalance_timeout: record.rebalance_timeout,
            protocols: vec![Protocol { name, metadata: record.subscription }],
            assignment: record.assignment,
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
            synced: true,
            deadline: None,
        }
    }

    /// What a JoinGroup may change about a member.
    pub(super) fn take_over(&mut self, join: Join) {
        self.client_id = join.client_id;
        self.client_host = join.client_host;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
        self.protocols = join.protocols;
    }

    pub(crate) fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    /// A member that waits for an answer of ours need not heartbeat, except a new one: its client may be gone.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(crate) fn metadata(&self, protocol: Option<&Arc<str>>) -> Bytes {
        let chosen = self.protocols.iter().find(|own| Some(&own.name) == protocol);
        chosen.map(|own| own.metadata.clone()).unwrap_or_default()
    }

    pub(super) fn metadata_bytes(&self) -> usize {
        metadata_bytes(&self.protocols)
    }

    pub(super) fn for_leader(&self, protocol: Option<&Arc<str>>) -> JoinedMember {
        JoinedMember {
            id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            metadata: self.metadata(protocol),
        }
    }

    pub(super) fn record(&self, protocol: Option<&Arc<str>>, assignment: Bytes) -> MemberRecord {
        MemberRecord {
            id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout: self.rebalance_timeout,
            session_timeout: self.session_timeout,
            subscription: self.metadata(protocol),
            assignment,
        }
    }
}

/// Bytes that the protocols of one member take.
pub(super) fn metadata_bytes(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum()
}
