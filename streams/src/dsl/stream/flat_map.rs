//! None, one or many records for one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream, Output};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Makes none, one or many records of each, with keys and values of their own.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(IN)
    ///     .flat_map(|_, text, out| text.split(' ').for_each(|word| out.push((word.to_string(), word.len() as i64))))
    ///     .to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "a whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 1), record("whale", 5)]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map<K2: Element, V2: Element>(
        &self,
        map: impl Fn(&K, &V, &mut Output<(K2, V2)>) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let map = Arc::new(map);
        self.add("KSTREAM-FLATMAP-", Changes::Both, move |node, below| FlatMap {
            node,
            map: Arc::clone(&map),
            output: Cell::default(),
            below,
        })
    }
}

struct FlatMap<K2, V2, F> {
    node: NodeId,
    map: Arc<F>,
    output: Cell<Output<(K2, V2)>>,
    below: Rc<dyn Downstream<K2, V2>>,
}

impl<K, V, K2, V2, F: Fn(&K, &V, &mut Output<(K2, V2)>)> Downstream<K, V> for FlatMap<K2, V2, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let mut output = self.output.take();
        (self.map)(&record.key, &record.value, &mut output);
        for (key, value) in output.results() {
            let headers = record.headers.clone();
            cx.pass(&*self.below, Record { key, value, timestamp: record.timestamp, headers })?;
        }
        self.output.set(output);
        Ok(())
    }
}
