//! What a program needs: `use millstream::prelude::*;`.

pub use crate::data::{Data, Json, Text};
pub use millstream_client::OffsetReset;

pub use crate::dsl::{
    Consumed, GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, Output, Overload, Partitions,
    Printed, Repartitioned, StreamsBuilder, TimeWindowedKStream, TimestampExtractor, Topic, Topics,
    TopologyBuilder,
};
pub use crate::errors::{Action, Failed};
pub use crate::processing::{
    Context, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Open, Processor, Punctuation,
    PunctuationKind, Punctuator, ReadOnly, Stores,
};
pub use crate::processor::{ProcessError, Record};
pub use crate::runtime::{AppState, Closing, Streams, StreamsError, UncaughtResponse};
pub use crate::store::{KeyValueStore, WindowStore};
pub use crate::testing::{TestDriver, record};
pub use crate::topology::{Topology, TopologyError};
pub use crate::window::{
    Emit, TimeWindows, Window, Windowed, days, hours, last, millis, mins, secs, windowed,
};
