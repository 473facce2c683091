//! The test driver with several partitions.

mod application;
mod driver;
mod random;
