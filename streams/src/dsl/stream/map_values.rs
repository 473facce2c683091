//! New values under the same keys.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Makes a new value of each.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).map_values(|text| text.len() as i64).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 5)]);
    /// # Ok(()) }
    /// ```
    pub fn map_values<V2: Element>(&self, map: impl Fn(V) -> V2 + Send + Sync + 'static) -> KStream<K, V2> {
        self.map_values_with_key(move |_, value| map(value))
    }

    /// Makes a new value of each, seeing its key too (Kafka's `ValueMapperWithKey`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).map_values_with_key(|key, n| format!("{key} {n}")).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", "a 1")]);
    /// # Ok(()) }
    /// ```
    pub fn map_values_with_key<V2: Element>(
        &self,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let map = Arc::new(map);
        self.add("KSTREAM-MAPVALUES-", Changes::Values, move |node, below| MapValues {
            node,
            map: Arc::clone(&map),
            below,
        })
    }
}

struct MapValues<K, V2, F> {
    node: NodeId,
    map: Arc<F>,
    below: Rc<dyn Downstream<K, V2>>,
}

impl<K, V, V2, F: Fn(&K, V) -> V2> Downstream<K, V> for MapValues<K, V2, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let value = (self.map)(&key, value);
        self.below.process(Record { key, value, timestamp, headers }, cx)
    }
}
