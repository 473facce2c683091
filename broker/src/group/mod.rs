//! The group coordinator: who is a member of which group, who has which assignment, and up to where each
//! group has read. `classic` and `offsets` decide, and know neither clock nor file; `coordinator` holds the
//! locks, the timer and the log.

mod aggregate;
mod classic;
mod coordinator;
mod error;
mod ids;
mod limits;
mod offsets;
mod record;
#[cfg(test)]
mod simulation;
mod subscription;
mod time;
mod topic;

#[cfg(test)]
pub(crate) use self::classic::Synced;
pub(crate) use self::classic::{
    Join, JoinAnswer, Joined, JoinedMember, Leaving, Protocol, Sender, Sync, SyncAnswer,
};
pub(crate) use self::coordinator::{
    Commit, Description, GroupCoordinator, GroupLook, GroupLooks, Listing, MemberDescription, STATES,
};
pub(crate) use self::error::GroupError;
pub(crate) use self::ids::{GroupId, InstanceId, MemberId, reason};
pub(crate) use self::offsets::CommittedOffset;
