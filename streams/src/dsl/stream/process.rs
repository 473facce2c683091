//! Processors between the operators.

use std::any::TypeId;
use std::marker::PhantomData;

use crate::dsl::{Element, KStream, processor};
use crate::processing::{FixedKey, FixedKeyProcessor, Forwarded, Processor, Stores};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Runs a [`Processor`] on each record (Kafka's `process`). `make` makes one a task; it opens the stores that the
    /// processor uses. Since keys may have changed, grouping the result goes through a topic.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const RISES: Topic<String, i64> = Topic::new("rises");
    /// const LAST: KeyValueStore<String, i64> = KeyValueStore::new("last");
    ///
    /// struct Rises {
    ///     last: Open<KeyValueStore<String, i64>>,
    /// }
    ///
    /// impl Processor<String, i64> for Rises {
    ///     type Out = (String, i64);
    ///
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         cx: &mut Context<Self::Out>,
    ///     ) -> Result<(), ProcessError> {
    ///         let rise = record.value - self.last.get(&record.key)?.unwrap_or(record.value);
    ///         self.last.put(&record.key, record.value)?;
    ///         if rise > 0 {
    ///             cx.forward(record.with_value(rise));
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).process(|stores| Rises { last: stores.open(LAST) }).to(RISES);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// for value in [3, 5, 4] {
    ///     driver.input(IN).send("a", value)?;
    /// }
    /// assert_eq!(driver.output(RISES).drain(), [record("a", 2)]);
    /// assert_eq!(driver.store(LAST)?.get("a")?, Some(4));
    /// # Ok(()) }
    /// ```
    pub fn process<P: Processor<K, V>>(
        &self,
        make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
    ) -> KStream<<P::Out as Forwarded>::Key, <P::Out as Forwarded>::Value> {
        let node = self.add_processor("KSTREAM-PROCESSOR-", Changes::Both, make);
        let types = TypeId::of::<(<P::Out as Forwarded>::Key, <P::Out as Forwarded>::Value)>();
        self.graph.borrow_mut().set_output(node, types, false);
        KStream::new(self.graph.clone(), node, true)
    }

    /// Runs a [`FixedKeyProcessor`] on each record (Kafka's `processValues`): it sees the key and cannot change it.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const SUMS: Topic<String, i64> = Topic::new("sums");
    ///
    /// #[derive(Stores)]
    /// struct Sum {
    ///     #[store("sums")]
    ///     sums: Open<KeyValueStore<String, i64>>,
    /// }
    ///
    /// impl FixedKeyProcessor<String, i64> for Sum {
    ///     type Out = i64;
    ///
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<String, i64>,
    ///         cx: &mut FixedKeyContext<String, i64>,
    ///     ) -> Result<(), ProcessError> {
    ///         let sum = self.sums.get(record.key())?.unwrap_or(0) + record.value();
    ///         self.sums.put(record.key(), sum)?;
    ///         cx.forward(record.with_value(sum));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).process_values(Sum::open).to(SUMS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 3)?;
    /// driver.input(IN).send("a", 4)?;
    /// assert_eq!(driver.output(SUMS).drain(), [record("a", 3), record("a", 7)]);
    /// # Ok(()) }
    /// ```
    pub fn process_values<P: FixedKeyProcessor<K, V>>(
        &self,
        make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
    ) -> KStream<K, P::Out> {
        let make = move |stores: &mut Stores<'_>| FixedKey(make(stores), PhantomData);
        let node = self.add_processor("KSTREAM-PROCESSVALUES-", Changes::Values, make);
        KStream::new(self.graph.clone(), node, self.rekeyed)
    }

    fn add_processor<P: Processor<K, V>>(
        &self,
        prefix: &str,
        changes: Changes,
        make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
    ) -> NodeId {
        let made = processor::make(make);
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate(prefix);
        let node = made.add(graph, name, &[self.node]);
        graph.pass_serdes(self.node, node, changes);
        graph.takes_no_number_when_named(node);
        node
    }
}
