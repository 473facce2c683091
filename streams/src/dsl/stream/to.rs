//! Into a topic.

use crate::dsl::sink::Encoding;
use crate::dsl::{Element, KStream, Sink, Topic, sink};

impl<K: Element, V: Element> KStream<K, V> {
    /// Writes the records to a topic, which must exist.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to(OUT).named("copy");
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).at(7).send("a", 1)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 1).at(7)]);
    /// # Ok(()) }
    /// ```
    pub fn to(&self, topic: Topic<K, V>) -> Sink<K, V> {
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KSTREAM-SINK-");
        let encoding = Encoding::new(topic.key.clone(), topic.value.clone());
        let node = sink::add(graph, name, &[self.node], topic.topic_name(), topic.key, topic.value);
        Sink { graph: self.graph.clone(), node, encoding, redraw: Box::new(sink::redraw) }
    }
}
