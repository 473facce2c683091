//! Bringing the records of one key together.

use crate::data::Data;
use crate::dsl::{Element, KGroupedStream, KStream};

impl<K: Element, V: Data> KStream<K, V> {
    /// Groups the records by a new key; they pass through a repartition topic. Records whose key or value is missing take no
    /// part in what follows: they are dropped and counted.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const WORDS: Topic<Option<String>, String> = Topic::new("words");
    /// const COUNTS: Topic<String, i64> = Topic::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(WORDS).group_by(|_, word| word.clone()).count("counts").to(COUNTS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(WORDS).send_value("whale")?;
    /// assert_eq!(driver.output(COUNTS).drain(), [record("whale", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn group_by<K2: Data>(
        &self,
        select: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V> {
        KGroupedStream::new(self.select_key(select), true)
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    /// Groups the records by the key they have. They pass through a repartition topic only if an operator before may have
    /// changed the key.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).group_by_key().reduce("sums", |sum, n| sum + n).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 1), record("a", 3)]);
    /// # Ok(()) }
    /// ```
    pub fn group_by_key(&self) -> KGroupedStream<K, V> {
        KGroupedStream::new(self.clone(), false)
    }
}
