//! A table's updates as a stream.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream, KTable};
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{NodeId, NodeKind};

impl<K: Element, V: Element> KTable<K, V> {
    /// The updates of the table; `None` is a removed key.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const EVENTS: Topic<String, String> = Topic::new("events");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(USERS)
    ///     .to_stream()
    ///     .map_values(|city| city.map_or("left".to_string(), |city| format!("in {city}")))
    ///     .to(EVENTS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// driver.input(USERS).send_tombstone("ada")?;
    /// let events = driver.output(EVENTS).drain();
    /// assert_eq!(events, [record("ada", "in London"), record("ada", "left")]);
    /// # Ok(()) }
    /// ```
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let factory = Arc::new(|assembly: &mut Assembly<'_>, id| {
            erase(ToStream::<K, V> { node: id, below: assembly.downstream(id) })
        });
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KTABLE-TOSTREAM-");
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        KStream::new(self.graph.clone(), node, false)
    }
}

struct ToStream<K, V> {
    node: NodeId,
    below: Rc<dyn Downstream<K, Option<V>>>,
}

impl<K, V> Downstream<K, Change<V>> for ToStream<K, V> {
    fn process(&self, record: Record<K, Change<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        self.below.process(Record { key, value: value.new, timestamp, headers }, cx)
    }
}
