//! The test driver with several partitions.

mod application;
mod driver;
mod optimised;
mod random;
