//! Millstream.

// What the derive writes names this crate, also from inside it.
extern crate self as millstream;

pub mod data;
pub mod dsl;
pub mod prelude;
pub mod processor;
pub mod query;
pub mod runtime;
pub mod serde;
pub mod store;
pub mod task;
pub mod testing;
pub mod topology;

pub use dsl::{KGroupedStream, KStream, KTable, StreamsBuilder, Topic};
pub use store::KeyValueStore;
pub use topology::Topology;
