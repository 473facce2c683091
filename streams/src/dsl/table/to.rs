//! A table into a topic.

use crate::dsl::{Element, KTable, Sink, Topic};

impl<K: Element, V: Element> KTable<K, V> {
    /// Writes the table's updates to a topic of its types: a removed key becomes a record without a value, which is what a
    /// compacted topic and [`table`](crate::StreamsBuilder::table) take it for. Short for `to_stream().to(…)`.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const COPY: Topic<String, String> = Topic::new("copy");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).to(COPY);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.output(COPY).drain(), [record("ada", "London")]);
    /// # Ok(()) }
    /// ```
    pub fn to(&self, topic: Topic<K, V>) -> Sink<K, Option<V>> {
        self.to_stream().to(topic.with_tombstones())
    }
}
