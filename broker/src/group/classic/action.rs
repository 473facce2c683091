//! What goes into the state machine and what comes out.

use std::sync::Arc;

use bytes::Bytes;

use super::member::Protocol;
use crate::group::error::GroupError;
use crate::group::ids::{InstanceId, MemberId};
use crate::group::time::Millis;

/// Names a request that waits for its answer. Every ticket that goes in comes out in exactly one answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Ticket(pub(crate) u64);

/// Names a record that was handed out to be stored; its fate comes back by `ClassicGroup::stored`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct StoreId(pub(crate) u64);

/// What the shell must do, in this order.
#[derive(Debug)]
pub(crate) enum Action {
    AnswerJoin(Ticket, JoinAnswer),
    AnswerSync(Ticket, SyncAnswer),
    /// Append the record and report when it is durable, or that it never will be.
    Store(StoreId, GroupRecord),
}

/// Actions collect here while an event is worked on.
pub(crate) type Actions = Vec<Action>;

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// None: the client has no id yet.
    pub(crate) member_id: Option<MemberId>,
    /// The id to give to a client that has none. It is made outside, for it is random.
    pub(crate) fresh_id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    /// For the operator: DescribeGroups shows it.
    pub(crate) client_id: Arc<str>,
    /// For the operator: DescribeGroups shows it.
    pub(crate) client_host: Arc<str>,
    /// Milliseconds without a heartbeat after which the member is dropped.
    pub(crate) session_timeout: Millis,
    /// Milliseconds that the member needs to give up its work and join again.
    pub(crate) rebalance_timeout: Millis,
    pub(crate) protocol_type: Arc<str>,
    /// The member's protocols, the one it likes best first.
    pub(crate) protocols: Vec<Protocol>,
    /// Version 4 and later: a member that is not static is given its id before it is let in (KIP-394).
    pub(crate) requires_known_id: bool,
    /// Version 9 and later: a returning static leader can be told to leave the assignment alone (KIP-814).
    pub(crate) may_skip_assignment: bool,
    /// Why the client joins, for the log (KIP-800).
    pub(crate) reason: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JoinAnswer {
    Joined(Joined),
    Refused { error: GroupError, member_id: Option<MemberId> },
}

/// A member's place in a generation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol_name: Option<Arc<str>>,
    pub(crate) leader: Option<MemberId>,
    pub(crate) member_id: MemberId,
    pub(crate) skip_assignment: bool,
    /// For the leader alone: whom it has to assign.
    pub(crate) members: Vec<JoinedMember>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinedMember {
    pub(crate) id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) metadata: Bytes,
}

/// Who a request says it comes from, besides its group.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) member_id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) generation: i32,
}

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) sender: Sender,
    /// Version 5 and later: checked against the group's.
    pub(crate) protocol_type: Option<Arc<str>>,
    /// Version 5 and later: checked against the group's.
    pub(crate) protocol_name: Option<Arc<str>>,
    /// From the leader alone.
    pub(crate) assignments: Vec<(MemberId, Bytes)>,
}

pub(crate) type SyncAnswer = Result<Synced, GroupError>;

/// A member's assignment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol_name: Option<Arc<str>>,
    pub(crate) assignment: Bytes,
}

/// One member of a LeaveGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    /// None with an instance id: an operator removes the static member.
    pub(crate) member_id: Option<MemberId>,
    pub(crate) instance_id: Option<InstanceId>,
    /// Why, for the log (KIP-800).
    pub(crate) reason: Option<Arc<str>>,
}

/// The group as it is stored: enough to go on after a restart without a rebalance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupRecord {
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) generation: i32,
    pub(crate) protocol_name: Option<Arc<str>>,
    pub(crate) leader: Option<MemberId>,
    /// When the group came into its state, milliseconds since 1970; -1 where the record does not say.
    pub(crate) state_since_ms: i64,
    pub(crate) members: Vec<MemberRecord>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemberRecord {
    pub(crate) id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout: Millis,
    pub(crate) session_timeout: Millis,
    /// The metadata of the chosen protocol.
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}
