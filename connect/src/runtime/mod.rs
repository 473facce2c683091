//! Runs the tasks of connectors.

mod backoff;
mod brake;
mod memory;
mod positions;
mod sink;
mod source;

pub use backoff::{Attempts, RetryBudget};
pub use brake::Brake;
pub use memory::{MemoryBudget, Room};
