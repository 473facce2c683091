//! Standby tasks: the stores of tasks that run elsewhere, kept up to date from their changelogs, so that a task that has to move
//! finds its state where it comes to. They have stores and no nodes; the worker gives them a turn after the tasks that run.

mod follower;
mod task;

pub use follower::StandbyStore;
pub(crate) use follower::{Follower, Heard};
pub(crate) use task::StandbyTask;
