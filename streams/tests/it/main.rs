//! The integration tests of the crate, one binary.

mod cache;
#[cfg(feature = "compile-fail-tests")]
mod compile_fail;
mod failures;
mod golden;
mod programs;
mod reference;
mod serdes;
