//! The Processor API: operators of one's own, with stores and timers, between those of the DSL.
//!
//! ```
//! use std::time::Duration;
//!
//! use millstream::prelude::*;
//!
//! const EVENTS: Topic<String, String> = Topic::new("events");
//! const FIRST: Topic<String, String> = Topic::new("first");
//!
//! /// Passes the first event of each key on, and forgets the keys every hour.
//! #[derive(Stores)]
//! struct Dedup {
//!     #[store("seen")]
//!     seen: Open<KeyValueStore<String, i64>>,
//! }
//!
//! impl Processor<String, String> for Dedup {
//!     type Out = (String, String);
//!
//!     fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
//!         cx.schedule(PunctuationKind::StreamTime, Duration::from_secs(3600));
//!         Ok(())
//!     }
//!
//!     fn process(
//!         &mut self,
//!         record: Record<String, String>,
//!         cx: &mut Context<Self::Out>,
//!     ) -> Result<(), ProcessError> {
//!         if self.seen.put_if_absent(&record.key, record.timestamp)?.is_none() {
//!             cx.forward(record);
//!         }
//!         Ok(())
//!     }
//!
//!     fn punctuate(&mut self, at: Punctuation, _cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
//!         for (key, seen) in self.seen.all()? {
//!             if seen <= at.time - 3_600_000 {
//!                 self.seen.delete(&key)?;
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = StreamsBuilder::new();
//! builder.stream(EVENTS).process(Dedup::open).to(FIRST);
//!
//! let mut driver = TestDriver::new(&builder.build()?)?;
//! for (at, text) in [(0, "one"), (10, "two"), (3_600_000, "three"), (3_600_001, "four")] {
//!     driver.input(EVENTS).at(at).send("a", text)?;
//! }
//! assert_eq!(driver.output(FIRST).drain(), [record("a", "one"), record("a", "four").at(3_600_001)]);
//! # Ok(()) }
//! ```

mod context;
mod fixed_key;
mod key_value;
mod node;
mod open;
mod processor;
mod punctuation;
mod window;

pub use context::{Context, RecordMetadata};
pub use fixed_key::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord};
pub use open::{Open, OpenStore, ReadOnly, StoreField, Stores};
pub use processor::{Forwarded, Processor};
pub use punctuation::Punctuation;

pub(crate) use fixed_key::FixedKey;
pub(crate) use node::{Attended, ProcessorNode};
pub(crate) use open::{Declared, Opening};

/// Implements `open` for a struct whose fields are stores: `#[store("name")]` opens one under a name, `#[store(CONSTANT)]` by
/// its constant; a field that is a [`ReadOnly`] is for reading. A field without the attribute starts as its type's `Default`.
pub use millstream_derive::Stores;

pub use crate::task::{PunctuationKind, Punctuator};
