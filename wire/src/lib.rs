//! The bytes of the Kafka protocol: frames, messages, record batches, compression, the partitioner.
//!
//! This crate knows nobody: no sockets, no files, no clocks. Everything here turns bytes into views of bytes and
//! back, and every count that comes from the wire is checked against the bytes that are there before anything is
//! allocated for it.

pub mod batch;
pub mod compression;
pub mod control;
pub mod crc;
mod fields;
pub mod frame;
pub mod ids;
pub mod internal;
pub mod messages;
pub mod murmur2;
pub mod varint;
pub mod walk;

pub use fields::FieldError;
