//! The monitoring ETL with all that stands around it, for its demo and its tests.

mod lines;

pub use lines::{Extra, log};
