//! What bounds a group, by name.

use super::time::Millis;

/// Members that were given an id and have not come back with it (KIP-394), per group. The oldest gives way: it
/// is told that it is unknown when it does come back, and asks again.
pub(crate) const PENDING_MEMBERS_MAX: usize = 4096;

/// Bytes of all members' protocol metadata in one group. Joins before version 4 make a member at once, so that
/// `group.max.size` alone, without bound as it is by default, would let a client fill the memory.
pub(crate) const GROUP_METADATA_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Protocols that one member may list; clients list one to three.
pub(crate) const MEMBER_PROTOCOLS_MAX: usize = 128;

/// Groups of one broker. A JoinGroup of an unknown group id makes a group.
pub(crate) const GROUPS_MAX: usize = 100_000;

/// How long a member whose JoinGroup waits is kept before its first answer: it cannot heartbeat yet and its
/// connection may be gone (Kafka: `GroupCoordinator.NewMemberJoinTimeoutMs`).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT: Millis = 5 * 60 * 1000;

/// The operator's limits of a group; each field is the broker configuration of its name.
#[derive(Clone, Debug)]
pub(crate) struct GroupLimits {
    /// `group.min.session.timeout.ms`
    pub(crate) session_timeout_min: Millis,
    /// `group.max.session.timeout.ms`
    pub(crate) session_timeout_max: Millis,
    /// `group.initial.rebalance.delay.ms`
    pub(crate) initial_rebalance_delay: Millis,
    /// `group.max.size`
    pub(crate) members_max: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            session_timeout_min: 6_000,
            session_timeout_max: 1_800_000,
            initial_rebalance_delay: 3_000,
            members_max: i32::MAX as usize,
        }
    }
}
