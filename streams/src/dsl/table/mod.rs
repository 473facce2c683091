//! Tables: records that replace each other.

mod derive;
mod filter;
mod group_by;
mod map_values;
pub(super) mod source;
mod to;
mod to_stream;
mod view;

use std::sync::Arc;

use crate::errors::{Action, Failed};
use crate::topology::NodeId;

use super::{Element, SharedGraph};
pub(super) use view::MakeView;
pub(crate) use view::View;

/// A table: for each key its latest value. A key can be removed, so as a stream its values are `Option<V>`.
#[must_use = "a table without a store that goes nowhere does nothing"]
pub struct KTable<K, V> {
    pub(super) graph: SharedGraph,
    pub(super) node: NodeId,
    /// How a join reads it.
    pub(super) view: MakeView<K, V>,
}

impl<K: Element, V: Element> KTable<K, V> {
    /// The table that `node` makes, in a store of its own once anything needs it.
    pub(super) fn new(graph: SharedGraph, node: NodeId) -> Self {
        Self { graph, node, view: view::kept(node) }
    }

    /// Names the node just made; without it the name is the one that Kafka Streams generates.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream(Topic::<String, String>::new("words"));
    /// let _counts = words.group_by_key().count("counts").named("tally");
    /// assert!(builder.build()?.describe().to_string().contains("Processor: tally (stores: [counts])"));
    /// # Ok(()) }
    /// ```
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// Decides what becomes of records that fail at the node just made, in place of what the application says; see
    /// [`errors`](crate::errors). An aggregate that fails stays as it was; of the table of a
    /// topic it is the records that do not decode too.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let grouped = builder.stream(IN).group_by_key();
    /// let products = grouped.reduce("products", |a, b| a.checked_mul(b).expect("it fits"));
    /// products.on_error(|_| Action::Skip).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// for n in [7, i64::MAX, 2] {
    ///     driver.input(IN).send("a", n)?;
    /// }
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 7), record("a", 14)]);
    /// # Ok(()) }
    /// ```
    pub fn on_error(self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.graph.borrow_mut().on_error(self.node, Arc::new(policy));
        self
    }
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), node: self.node, view: Arc::clone(&self.view) }
    }
}
