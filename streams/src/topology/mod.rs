//! The built topology: sub-topologies, the topics and stores they need, and the factories of their nodes.

mod description;
mod error;
mod feeding;
mod graph;
mod java;
mod merge;
mod name;
mod optimization;
mod pattern;
mod serdes;
mod spec;
mod subtopology;
mod table;

use std::sync::Arc;

use millstream_client::OffsetReset;
pub use millstream_drawing::{DescriptionError, Drawing};

pub use description::Description;
pub use error::TopologyError;
pub(crate) use graph::{
    Graph, NodeId, NodeKind, ProcessorFactory, SinkFactory, StoreFactory, StoreId, StoreTypes,
};
pub(crate) use merge::Repartition;
pub use name::TopicName;
pub(crate) use name::repartition_topic;
pub use optimization::Optimization;
pub use pattern::TopicPattern;
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
        Ok(Self::of_graph(graph))
    }

    fn of_graph(mut graph: Graph) -> Self {
        let order = graph.order();
        graph.sort_children(&order);
        let parts = subtopology::partition(&graph).into_iter();
        let (globals, subtopologies) = parts.partition(|part| part.is_global(&graph));
        Self { inner: Arc::new(Built { graph, subtopologies, globals }) }
    }

    /// The same topology with fewer topics. Kafka Streams prints the same text of it under `topology.optimization`.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # use millstream::topology::Optimization;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream(Topic::<String, String>::new("words")).select_key(|_, word| word.clone());
    /// words.group_by_key().count("counts").to(Topic::new("out"));
    /// words.group_by_key().reduce("last", |_, word| word).to(Topic::new("last-out"));
    ///
    /// let topology = builder.build()?;
    /// assert_eq!(topology.subtopologies().len(), 3); // two repartition topics
    /// assert_eq!(topology.optimized(Optimization::ALL).subtopologies().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn optimized(&self, wanted: Optimization) -> Self {
        let mut graph = self.graph().clone();
        if wanted.reuse_source_topics {
            graph.reuse_source_topics();
        }
        if wanted.merge_repartitions {
            graph.merge_repartitions();
        }
        Self::of_graph(graph)
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

    /// Whether partitioners of the program's choose which task of a part has a record.
    pub(crate) fn is_scattered(&self, id: u32) -> bool {
        self.graph().chooses_partitions_of(&self.part(id).sources)
    }

    /// Whether the part of that id has a store of that name.
    pub(crate) fn has_store(&self, id: u32, store: &str) -> bool {
        let mut parts = self.subtopologies().iter().chain(self.globals()).filter(|part| part.id == id);
        parts.any(|part| part.stores.iter().any(|spec| spec.name == store))
    }

    /// The text that Kafka Streams prints for the same program (`Topology.describe()`).
    pub fn describe(&self) -> Description<'_> {
        Description::new(self)
    }

    /// The topology as a drawing: for the terminal by its `Display`, [`to_mermaid`](Drawing::to_mermaid),
    /// [`to_svg`](Drawing::to_svg). `millstream topology draw` draws the text of [`describe`](Self::describe).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream(Topic::<String, String>::new("words"));
    /// words.group_by_key().count("word-counts").to(Topic::new("counts"));
    ///
    /// let drawing = builder.build()?.draw();
    /// println!("{}", drawing.clone().columns(80));
    /// assert!(drawing.to_mermaid().contains(r#"[("word-counts")]:::store"#));
    /// assert!(drawing.to_svg().contains("<title>word-counts</title>"));
    /// # Ok(()) }
    /// ```
    #[expect(
        clippy::expect_used,
        reason = "what `describe` prints, a drawing reads; a test draws all recorded programs"
    )]
    pub fn draw(&self) -> Drawing {
        self.describe().to_string().parse().expect("a description")
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
