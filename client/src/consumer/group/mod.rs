//! Membership in a classic consumer group: the protocol as a pure state machine, and the task that carries it out.

mod assignor;
mod handle;
mod membership;
mod protocol;
mod requests;
mod shell;
#[cfg(test)]
mod simulation;

pub use assignor::{
    Assignment, Assignor, CooperativeSticky, Members, Range, RebalanceProtocol, RoundRobin, Subscription,
    TopicSizes,
};
pub(crate) use handle::{Group, Topics};
