//! None, one or many values for one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream, Output};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Makes none, one or many values of each, all under its key.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).flat_map_values(|text, out| out.extend(text.split(' ').map(String::from))).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "a whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", "a"), record("a", "whale")]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map_values<V2: Element>(
        &self,
        map: impl Fn(&V, &mut Output<V2>) + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let map = Arc::new(map);
        self.add("KSTREAM-FLATMAPVALUES-", Changes::Values, move |node, below| FlatMapValues {
            node,
            map: Arc::clone(&map),
            output: Cell::default(),
            below,
        })
    }
}

struct FlatMapValues<K, V2, F> {
    node: NodeId,
    map: Arc<F>,
    output: Cell<Output<V2>>,
    below: Rc<dyn Downstream<K, V2>>,
}

impl<K: Clone, V, V2, F: Fn(&V, &mut Output<V2>)> Downstream<K, V> for FlatMapValues<K, V2, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let mut output = self.output.take();
        (self.map)(&record.value, &mut output);
        for value in output.results() {
            let (key, headers) = (record.key.clone(), record.headers.clone());
            cx.pass(&*self.below, Record { key, value, timestamp: record.timestamp, headers })?;
        }
        self.output.set(output);
        Ok(())
    }
}
