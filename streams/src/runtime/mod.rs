//! Running a topology: threads, membership, restore, and the handle that a program holds.

mod assignment;
mod input;
mod link;
mod state_directory;
mod worker;

pub use state_directory::{StateDirectory, StateDirectoryError};
