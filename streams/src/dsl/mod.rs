//! The DSL: streams, tables and groupings, one file an operator.

mod builder;
mod consumed;
mod element;
mod global_store;
mod global_table;
mod grouped;
mod grouped_table;
mod nodes;
mod output;
mod partitioner;
mod pre_aggregate;
mod processor;
mod repartition;
mod sink;
mod source;
mod stream;
mod table;
mod timestamps;
mod topic;
mod topics;
mod windowed;

pub use builder::StreamsBuilder;
pub use consumed::{Consumed, IntoConsumed};
pub use element::Element;
pub use global_table::GlobalKTable;
pub use grouped::KGroupedStream;
pub use grouped_table::KGroupedTable;
pub use nodes::TopologyBuilder;
pub use output::Output;
pub use partitioner::Partitions;
pub use pre_aggregate::{LateOf, NoLate, PreAggregated, PreAggregatedWindows, WithLate};
pub use sink::Sink;
pub use stream::{End, KStream, Overload, Printed, Repartitioned, Split};
pub use table::KTable;
pub use timestamps::TimestampExtractor;
pub use topic::Topic;
pub use topics::Topics;
pub use windowed::{TimeWindowedKStream, Windowing};

use std::cell::RefCell;
use std::rc::Rc;

use crate::topology::Graph;

/// The graph that a builder and all its streams draw on.
type SharedGraph = Rc<RefCell<Graph>>;
