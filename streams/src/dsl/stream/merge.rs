//! Two streams as one.

use std::any::TypeId;
use std::rc::Rc;

use crate::dsl::{Element, KStream};
use crate::task::pass;
use crate::topology::NodeKind;

impl<K: Element, V: Element> KStream<K, V> {
    /// The records of both streams. A task takes the one with the smallest timestamp first, as far as it has them; within a
    /// partition the order stays.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const A: Topic<String, i64> = Topic::new("a");
    /// const B: Topic<String, i64> = Topic::new("b");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(A).merge(&builder.stream(B)).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(A).send("a", 1)?;
    /// driver.input(B).send("b", 2)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 1), record("b", 2)]);
    /// # Ok(()) }
    /// ```
    pub fn merge(&self, other: &KStream<K, V>) -> Self {
        let graph = &mut *self.graph.borrow_mut();
        if !Rc::ptr_eq(&self.graph, &other.graph) {
            graph.report_foreign_stream();
            return self.clone();
        }
        let name = graph.generate("KSTREAM-MERGE-");
        let mut above = [(self.reading, self.node), (other.reading, other.node)];
        above.sort_by_key(|(reading, _)| *reading);
        let above = above.map(|(_, node)| node);
        let node = graph.add(name, NodeKind::Processor { factory: pass::<K, V>() }, &above);
        graph.set_output(node, TypeId::of::<(K, V)>(), true);
        KStream::new(self.graph.clone(), node, self.rekeyed || other.rekeyed)
    }
}
