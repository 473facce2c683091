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

pub use description::Description;
pub use error::TopologyError;
pub(crate) use graph::{Graph, NodeId, NodeKind, ProcessorFactory, StoreFactory, StoreId};
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
}

impl Topology {
    pub(crate) fn build(graph: Graph) -> Result<Self, TopologyError> {
        graph.check()?;
        let subtopologies = subtopology::partition(&graph);
        Ok(Self { inner: Arc::new(Built { graph, subtopologies }) })
    }

    /// The parts that run independently of each other, by id: 0, 1, 2…
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.inner.subtopologies
    }

    /// The text that Kafka Streams prints for the same program (`Topology.describe()`).
    pub fn describe(&self) -> Description<'_> {
        Description::new(self)
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
