//! Millstream: stream processing in a Rust program, on any cluster that speaks the Kafka protocol.
//!
//! A program says what it computes with a [`StreamsBuilder`]: streams of topics, operators, tables, stores. [`Topology`] is
//! the result, checked and immutable. It runs on a cluster, or without one in a [`TestDriver`](testing::TestDriver); how to test
//! one is told in [`testing`].
//!
//! ```
//! use millstream::prelude::*;
//!
//! # fn words(line: &str) -> impl Iterator<Item = String> { line.split(' ').map(str::to_lowercase) }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const LINES: Topic<Option<String>, String> = Topic::new("lines");
//! const COUNTS: Topic<String, i64> = Topic::new("counts");
//!
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream(LINES)
//!     .flat_map_values(|line, out| words(line).for_each(|word| out.push(word)))
//!     .group_by(|_, word| word.clone())
//!     .count("word-counts")
//!     .to(COUNTS);
//!
//! let mut driver = TestDriver::new(&builder.build()?)?;
//! driver.input(LINES).send_value("The whale the")?;
//! assert_eq!(driver.output(COUNTS).drain(), [record("the", 1), record("whale", 1), record("the", 2)]);
//! # Ok(()) }
//! ```
//!
//! The same topology on a cluster, until the terminal says stop:
//!
//! ```no_run
//! use millstream::prelude::*;
//!
//! # fn words(line: &str) -> impl Iterator<Item = String> { line.split(' ').map(str::to_lowercase) }
//! fn main() -> Result<(), StreamsError> {
//!     let builder = StreamsBuilder::new();
//!     builder
//!         .stream(Topic::<Option<String>, String>::new("lines"))
//!         .flat_map_values(|line, out| words(line).for_each(|word| out.push(word)))
//!         .group_by(|_, word| word.clone())
//!         .count("word-counts")
//!         .to(Topic::<String, i64>::new("counts"));
//!
//!     Streams::builder(builder.build()?)
//!         .application_id("word-count")
//!         .bootstrap("localhost:9092")
//!         .run_blocking_until_ctrl_c()
//! }
//! ```
//!
//! Where a record goes: a topic's bytes are decoded once, at the source; the record is moved from node to node, one virtual
//! call a hop; a sink encodes it by reference. State lies in typed stores behind a write-back cache. Names, topics and formats
//! are those of Kafka Streams, so that a program can move here with its state.

// What the derive writes names this crate, also from inside it.
extern crate self as millstream;

mod cursor;
pub mod data;
pub mod dsl;
pub mod errors;
pub mod metrics;
pub mod outlet;
pub mod prelude;
pub mod processing;
pub mod processor;
pub mod query;
pub mod runtime;
pub mod serde;
pub mod store;
pub mod task;
pub mod testing;
pub mod topology;
pub mod window;

pub use dsl::{
    GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, StreamsBuilder, TimeWindowedKStream, Topic,
    TopologyBuilder,
};
pub use runtime::{Streams, StreamsError};
pub use store::{KeyValueStore, WindowStore};
pub use topology::Topology;
pub use window::{TimeWindows, Window, Windowed};
