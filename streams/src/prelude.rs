//! What a program needs: `use millstream::prelude::*;`.

pub use crate::data::{Data, Json, Text};
pub use crate::dsl::{
    KGroupedStream, KGroupedTable, KStream, KTable, Output, Printed, Repartitioned, StreamsBuilder, Topic,
};
pub use crate::processor::Record;
pub use crate::runtime::{AppState, Closing, Streams, StreamsError};
pub use crate::store::KeyValueStore;
pub use crate::testing::{TestDriver, record};
pub use crate::topology::{Topology, TopologyError};
