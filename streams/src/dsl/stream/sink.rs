//! Into something that is no topic.

use std::sync::Arc;

use crate::dsl::{Element, KStream, SharedGraph};
use crate::errors::{Action, Failed};
use crate::outlet::{Outlet, factory};
use crate::topology::{NodeId, NodeKind};

impl<K: Element, V: Element> KStream<K, V> {
    /// Ends the stream in an [`Outlet`], as a Connect sink is one: a database, a search index, a file. Offsets are committed only
    /// behind what it has acknowledged, so that after a crash records may be written again and none is missing; see
    /// [`outlet`](crate::outlet) for retries, refusals and what happens when it is slow.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// use millstream::outlet::{Opener, OpenOutlet, Outlet, OutletCounts, Place, Refused};
    ///
    /// /// Has everything safe at once, since it keeps nothing.
    /// struct Void;
    ///
    /// impl<K, V> Outlet<K, V> for Void {
    ///     fn kind(&self) -> String {
    ///         "void".to_owned()
    ///     }
    ///     fn open(&self, _by: Opener) -> Box<dyn OpenOutlet<K, V>> {
    ///         Box::new(Void)
    ///     }
    /// }
    ///
    /// impl<K, V> OpenOutlet<K, V> for Void {
    ///     fn take(&mut self, _: Record<K, V>, _: Option<Place>) -> Result<(), ProcessError> {
    ///         Ok(())
    ///     }
    ///     fn has_room(&mut self) -> Result<bool, ProcessError> {
    ///         Ok(true)
    ///     }
    ///     fn settle(&mut self) -> Result<bool, ProcessError> {
    ///         Ok(true)
    ///     }
    ///     fn take_refused(&mut self) -> Vec<Refused> {
    ///         Vec::new()
    ///     }
    ///     fn counts(&self) -> OutletCounts {
    ///         OutletCounts::default()
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).sink(Void).named("nowhere");
    /// let topology = builder.build()?;
    /// assert!(topology.describe().to_string().contains("Sink: nowhere (outlet: void)"));
    ///
    /// // A test has the records instead.
    /// let mut driver = TestDriver::new(&topology)?;
    /// driver.input(IN).at(7).send("a", 1)?;
    /// assert_eq!(driver.outlet::<String, i64>("nowhere")?, [record("a", 1).at(7)]);
    /// # Ok(()) }
    /// ```
    pub fn sink(&self, outlet: impl Outlet<K, V>) -> End {
        let graph = &mut *self.graph.borrow_mut();
        if let Err(why) = outlet.check() {
            graph.report_outlet(&outlet.kind(), &why);
        }
        let name = graph.generate("KSTREAM-OUTLET-");
        let kind = NodeKind::Outlet { kind: outlet.kind(), factory: factory::<K, V>(Arc::new(outlet)) };
        let node = graph.add(name, kind, &[self.node]);
        End { graph: self.graph.clone(), node }
    }
}

/// What [`KStream::sink`] made, to be named or given a policy.
pub struct End {
    graph: SharedGraph,
    node: NodeId,
}

impl End {
    /// Decides what becomes of records that the other side refuses, in place of what the application says; see
    /// [`errors`](crate::errors).
    pub fn on_error(self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.graph.borrow_mut().on_error(self.node, Arc::new(policy));
        self
    }

    /// Names the node. What it keeps on the other side may go by this name, so it should have one.
    pub fn named(self, name: &str) {
        self.graph.borrow_mut().rename(self.node, name);
    }
}
