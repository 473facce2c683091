//! Running a topology: threads, membership, restore, and the handle that a program holds.

mod assignment;
mod input;
mod state_directory;

pub use state_directory::{StateDirectory, StateDirectoryError};
