//! Two streams as one.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
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
        let factory = Arc::new(|assembly: &mut Assembly<'_>, id| {
            erase(Merge { below: assembly.downstream::<K, V>(id) })
        });
        let graph = &mut *self.graph.borrow_mut();
        if !Rc::ptr_eq(&self.graph, &other.graph) {
            graph.report_foreign_stream();
            return self.clone();
        }
        let name = graph.generate("KSTREAM-MERGE-");
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node, other.node]);
        KStream::new(self.graph.clone(), node, self.rekeyed || other.rekeyed)
    }
}

struct Merge<K, V> {
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V> Downstream<K, V> for Merge<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        self.below.process(record, cx)
    }
}
