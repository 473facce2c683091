//! Tests of the bytes: against what Apache Kafka writes, against liars, and against noise.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod allocation;
mod fixture;
mod golden_batches;
mod golden_compaction;
mod golden_control;
mod golden_messages;
mod golden_metadata;
mod golden_numbers;
mod hostile_batches;
mod noise;
mod properties;
