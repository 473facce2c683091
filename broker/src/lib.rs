//! The Millstream broker: a Kafka-protocol server on one machine, as a library.

#[allow(dead_code, unused_imports, reason = "the shell that calls it follows")]
mod group;
pub mod log;
pub mod storage;
