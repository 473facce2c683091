//! Tasks: one partition's worth of a sub-topology, run by one thread.

mod id;

pub use id::{NoTaskId, TaskId};
