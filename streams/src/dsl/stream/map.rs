//! New keys and values.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Makes one record of each, with a key and value of its own. Grouping the result goes through a topic, since the key may
    /// have changed: prefer [`map_values`](Self::map_values) where it does not.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<i64, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).map(|key, n| (n, key)).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// assert_eq!(driver.output(OUT).drain(), [record(1, "a")]);
    /// # Ok(()) }
    /// ```
    pub fn map<K2: Element, V2: Element>(
        &self,
        map: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let map = Arc::new(map);
        self.add("KSTREAM-MAP-", Changes::Both, move |node, below| Map { node, map: Arc::clone(&map), below })
    }
}

struct Map<K2, V2, F> {
    node: NodeId,
    map: Arc<F>,
    below: Rc<dyn Downstream<K2, V2>>,
}

impl<K, V, K2, V2, F: Fn(K, V) -> (K2, V2)> Downstream<K, V> for Map<K2, V2, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = (self.map)(key, value);
        self.below.process(Record { key, value, timestamp, headers }, cx)
    }
}
