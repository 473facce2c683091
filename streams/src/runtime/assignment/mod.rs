//! Which thread runs which task: decided by the group's leader, without a network in sight.
//!
//! [`balance`] says who should run what, keeping tasks where they are; [`hand_over`] makes of that what may be given out *now*,
//! while the members that run a task have not let go of it (KIP-429); [`UserData`] is what members tell the leader, [`Hosts`] what it tells them.

mod assignor;
mod balance;
mod hand_over;
mod hosts;
mod user_data;

pub(super) use assignor::TaskAssignor;
use balance::{Candidate, balance};
use hand_over::hand_over;
pub(crate) use hosts::{Host, Hosts, KnownHosts, Role};
use user_data::UserData;
