//! Which thread runs which task: decided by the group's leader, without a network in sight.
//!
//! [`balance`] says who should run what, keeping tasks where they are; [`hand_over`] makes of that what may be given out *now*,
//! while the members that run a task have not let go of it (KIP-429); [`UserData`] is what members tell the leader.

mod assignor;
mod balance;
mod hand_over;
mod user_data;

pub(super) use assignor::TaskAssignor;
use balance::{Candidate, balance};
use hand_over::hand_over;
use user_data::UserData;
