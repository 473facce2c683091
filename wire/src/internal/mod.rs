//! Records that brokers keep for themselves, in the bytes of Kafka's own schemas, so that a directory of one is
//! read by the other.

mod fields;
pub mod offsets;

pub use self::fields::SchemaError;
