//! Through a topic of the application's own.

use std::borrow::Cow;

use crate::data::Data;
use crate::dsl::partitioner::{Partitioner, partitioner};
use crate::dsl::sink::Encoding;
use crate::dsl::{KStream, Partitions, repartition, sink};
use crate::topology::Repartition;

impl<K: Data, V: Data> KStream<K, V> {
    /// Sends the records through a topic that the application makes and owns (Kafka's `repartition`): the records of one key
    /// come together in one task, and what follows may run on more, or fewer, tasks than what comes before. Records without a
    /// key stay behind.
    ///
    /// The topic is named by a text, `<application.id>-<text>-repartition`, or by [`Repartitioned::generated`].
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_word = builder.stream(IN).select_key(|_, word| word.clone());
    /// by_word.repartition(Repartitioned::from("by-word").partitions(12)).to(OUT);
    ///
    /// let topology = builder.build()?;
    /// assert_eq!(topology.subtopologies()[1].sources[0].as_str(), "by-word-repartition");
    /// let mut driver = TestDriver::new(&topology)?;
    /// driver.input(IN).send("a", "whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("whale", "whale")]);
    /// # Ok(()) }
    /// ```
    pub fn repartition(&self, how: impl Into<Repartitioned<K, V>>) -> Self {
        let Repartitioned { name, partitions, partitioner } = how.into();
        let graph = &mut *self.graph.borrow_mut();
        let prefix = match name {
            Some(name) => {
                graph.check_name(&name);
                name.into_owned()
            }
            None => graph.generate("KSTREAM-REPARTITION-"),
        };
        let encoding = Encoding::new(graph.key_serde(self.node), graph.value_serde(self.node));
        let Repartition { sink, source, .. } = repartition::add_fixed::<K, V>(graph, self.node, &prefix);
        if partitioner.is_some() {
            sink::redraw::<K, V>(graph, sink, Encoding { partitioner, ..encoding });
        }
        if let Some(partitions) = partitions {
            graph.set_partitions(source, partitions);
        }
        Self::new(self.graph.clone(), source, false)
    }
}

/// What the topic of a [`KStream::repartition`] is like.
#[must_use = "it says how to repartition and does not do it"]
pub struct Repartitioned<K, V> {
    name: Option<Cow<'static, str>>,
    /// `None`: as many as what is written has tasks, or as what it is joined with has partitions.
    partitions: Option<u32>,
    /// `None`: the hash of the key decides.
    partitioner: Option<Partitioner<K, V>>,
}

impl<K, V> Repartitioned<K, V> {
    /// A topic whose name is generated as Kafka Streams would. It changes when operators are added before it.
    pub const fn generated() -> Self {
        Self { name: None, partitions: None, partitioner: None }
    }

    /// How many partitions the topic has (Kafka's `withNumberOfPartitions`).
    pub const fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Has a closure choose the partition by key, value and the number of partitions, as
    /// [`Sink::partitioned_by`](crate::dsl::Sink::partitioned_by) (Kafka's `withStreamPartitioner`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream(Topic::<String, i64>::new("orders"));
    /// let by_size = Repartitioned::from("by-size").partitions(4).partitioned_by(|_, cents, _| (*cents > 1_000) as i32);
    /// let _orders = orders.repartition(by_size);
    /// ```
    pub fn partitioned_by<P: Into<Partitions>>(
        mut self,
        choose: impl Fn(&K, &V, i32) -> P + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(partitioner(choose));
        self
    }
}

impl<K, V> From<&'static str> for Repartitioned<K, V> {
    fn from(name: &'static str) -> Self {
        Self { name: Some(Cow::Borrowed(name)), ..Self::generated() }
    }
}

impl<K, V> From<String> for Repartitioned<K, V> {
    fn from(name: String) -> Self {
        Self { name: Some(Cow::Owned(name)), ..Self::generated() }
    }
}
