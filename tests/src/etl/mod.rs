//! The monitoring ETL with all that stands around it, for its demo and its tests.

mod answers;
mod hot_key;
mod lines;
mod stack;

pub use answers::{Answers, Counts, live};
pub use hot_key::Shuffled;
pub use lines::{Extra, log};
pub use stack::{Stack, Which};
