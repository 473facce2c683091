//! Which thread runs which task: decided by the group's leader, without a network in sight.
//!
//! [`plan`] goes through the steps: [`balance`] says who shall run what, keeping tasks where they are or where their state is;
//! [`movements`] leaves a task where it is until its new owner has its state (KIP-441); [`standbys`] says who keeps a copy of
//! what; [`hand_over`] makes of that what may be given out *now*, while the members that run a task have not let go of it
//! (KIP-429). [`UserData`] is what members tell the leader, [`Given`] what it tells each, [`Hosts`] what it tells all of them.

mod assignor;
mod balance;
mod ends;
mod given;
mod group;
mod hand_over;
mod here;
mod hosts;
mod movements;
mod plan;
mod shutdown;
mod standbys;
mod user_data;

#[cfg(test)]
mod histories;

pub(super) use assignor::{TaskAssignor, ThreadPlace};
use balance::balance;
pub(super) use ends::ChangelogEnds;
use given::Given;
use group::{Candidate, Group, Readiness, State, Tasks};
use hand_over::hand_over;
pub(super) use here::{AssignedHere, News};
pub(crate) use hosts::{Host, Hosts, KnownHosts, Role};
use movements::movements;
pub(crate) use plan::Placement;
#[cfg(test)]
use plan::{Plan, plan};
pub(crate) use shutdown::{ApplicationShutdown, WithShutdown};
use standbys::standbys;
use user_data::{OnDisk, UserData};
