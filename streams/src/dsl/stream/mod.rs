//! Streams: records that stand for themselves.

mod filter;
mod flat_map;
mod flat_map_values;
mod for_each;
mod group_by;
mod join_global;
mod join_table;
mod map;
mod map_values;
mod merge;
mod peek;
mod print;
mod process;
mod repartition;
mod select_key;
mod shed;
mod sink;
mod split;
mod to;
mod to_dynamic;
mod to_table;
mod try_map_values;

pub use print::Printed;
pub use repartition::Repartitioned;
pub use shed::Overload;
pub use sink::End;
pub use split::Split;

use std::any::TypeId;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::errors::{Action, Failed};
use crate::processor::Downstream;
use crate::task::{Assembly, erase};
use crate::topology::{Changes, NodeId, NodeKind};

use super::{Element, SharedGraph};

/// A stream of records. Cheap to clone; using it twice sends its records both ways.
#[must_use = "a stream that goes nowhere does nothing: end it with `to`, `for_each` or a store"]
pub struct KStream<K, V> {
    pub(super) graph: SharedGraph,
    pub(super) node: NodeId,
    /// Whether a key may differ from the one the record had in its topic, so that grouping must go through a topic.
    pub(super) rekeyed: bool,
    /// Where topics are read once more, how many names there were then: a merge takes such a stream's node last, in the order
    /// of the readings, since Kafka Streams puts it in the place of its own when the topology is built.
    pub(super) reading: Option<u32>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KStream<K, V> {
    pub(super) fn new(graph: SharedGraph, node: NodeId, rekeyed: bool) -> Self {
        Self { graph, node, rekeyed, reading: None, types: PhantomData }
    }
}

impl<K: Element, V: Element> KStream<K, V> {
    /// Names the node just made; without it the name is the one that Kafka Streams generates.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream(Topic::<String, String>::new("words"));
    /// words.filter(|_, word| word.len() > 3).named("long-words").to(Topic::<String, String>::new("long"));
    /// assert!(builder.build()?.describe().to_string().contains("Processor: long-words"));
    /// # Ok(()) }
    /// ```
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// Decides what becomes of records that fail at the node just made, in place of what the application says; see
    /// [`errors`](crate::errors).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).map_values(|n| 100 / n).on_error(|_| Action::Skip).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 0)?; // would stop the task
    /// driver.input(IN).send("b", 5)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("b", 20)]);
    /// # Ok(()) }
    /// ```
    pub fn on_error(self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.graph.borrow_mut().on_error(self.node, Arc::new(policy));
        self
    }

    /// Adds a node below this one. `make` is called once a task, with the nodes below the new one.
    fn add<K2: Element, V2: Element, N: Downstream<K, V> + 'static>(
        &self,
        prefix: &str,
        changes: Changes,
        make: impl Fn(NodeId, Rc<dyn Downstream<K2, V2>>) -> N + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
            let below = assembly.downstream(id);
            erase(make(id, below))
        });
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate(prefix);
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        graph.pass_serdes(self.node, node, changes);
        graph.set_output(node, TypeId::of::<(K2, V2)>(), false);
        KStream::new(self.graph.clone(), node, self.rekeyed || changes.keys())
    }
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self { reading: self.reading, ..Self::new(self.graph.clone(), self.node, self.rekeyed) }
    }
}
