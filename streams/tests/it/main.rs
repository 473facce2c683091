//! The integration tests of the crate, one binary.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod application;
mod cache;
mod changelogs;
mod cluster;
#[cfg(feature = "compile-fail-tests")]
mod compile_fail;
mod disturbances;
mod drawing;
mod errors;
mod failures;
mod global;
mod kafka;
#[cfg(feature = "rocksdb")]
mod memory;
mod metrics;
mod nodes;
mod outages;
mod partitioners;
mod partitions;
mod pre_aggregate;
mod processor_stores;
mod processors;
mod queries;
mod record_reference;
mod reference;
mod resets;
mod restart;
mod reuse;
mod rolling;
mod serdes;
mod shedding;
mod standbys;
mod stops;
mod table_reference;
mod tasks;
mod threads;
mod timestamps;
mod windows;
