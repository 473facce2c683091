//! The built topology: sub-topologies, the topics and stores they need, and the factories of their nodes.

mod description;
mod error;
mod graph;
mod java;
mod name;
mod serdes;
mod spec;
mod subtopology;
mod table;

use std::sync::Arc;

use millstream_client::OffsetReset;

pub use description::Description;
pub use error::TopologyError;
pub(crate) use graph::{Graph, NodeId, NodeKind, ProcessorFactory, SinkFactory, StoreFactory, StoreId};
pub use name::TopicName;
pub(crate) use serdes::Changes;
pub use spec::{CopartitionGroup, Medium, StoreSpec, WindowSpec};
pub use subtopology::Subtopology;
pub(crate) use table::Values;

/// What a program computes: built once by [`StreamsBuilder::build`](crate::StreamsBuilder::build), immutable, shared by all
/// threads. Tasks instantiate it.
#[derive(Clone)]
pub struct Topology {
    inner: Arc<Built>,
}

struct Built {
    graph: Graph,
    subtopologies: Vec<Subtopology>,
    globals: Vec<Subtopology>,
}

impl Topology {
    pub(crate) fn build(graph: Graph) -> Result<Self, TopologyError> {
        graph.check()?;
        let parts = subtopology::partition(&graph).into_iter();
        let (globals, subtopologies) = parts.partition(|part| part.is_global(&graph));
        Ok(Self { inner: Arc::new(Built { graph, subtopologies, globals }) })
    }

    /// The parts that run independently of each other, in the order of their ids: 0, 1, 2…, those of
    /// [`globals`](Self::globals) left out.
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.inner.subtopologies
    }

    /// The parts that fill the stores of global tables, one a table. No task runs them: every process has each of them once,
    /// for all partitions of its topic.
    pub fn globals(&self) -> &[Subtopology] {
        &self.inner.globals
    }

    /// The part of that id.
    #[expect(clippy::expect_used, reason = "ids come from the parts themselves")]
    pub(crate) fn part(&self, id: u32) -> &Subtopology {
        let mut parts = self.subtopologies().iter().chain(self.globals());
        parts.find(|part| part.id == id).expect("a part of this topology")
    }

    /// The text that Kafka Streams prints for the same program (`Topology.describe()`).
    pub fn describe(&self) -> Description<'_> {
        Description::new(self)
    }

    /// Where reading of a source topic begins without a committed offset; `None`: where `auto.offset.reset` says.
    pub fn offset_reset(&self, topic: &TopicName) -> Option<OffsetReset> {
        self.inner.graph.offset_reset(topic)
    }

    /// How many partitions the program wants a repartition topic to have, if it says so.
    pub fn wanted_partitions(&self, topic: &TopicName) -> Option<u32> {
        self.inner.graph.wanted_partitions(topic)
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.inner.graph
    }
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Topology").field("subtopologies", &self.inner.subtopologies).finish()
    }
}
