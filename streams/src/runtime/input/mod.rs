//! What a task is about to process: fetched bytes per partition, and which of them comes next.

mod partition;
mod task;
mod traffic;

pub(crate) use partition::{PartitionQueue, RunError};
pub(crate) use task::{Input, MaxIdle, TaskInputs, Wait};
pub(crate) use traffic::Traffic;
