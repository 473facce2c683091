//! Stores that a processor fills from a topic, and others read.

use super::processor::{self, Made};
use super::{Element, StreamsBuilder, Topic, source};
use crate::processing::{Open, Processor};
use crate::store::KeyValueStore;
use crate::topology::{Graph, NodeId};

impl StreamsBuilder {
    /// Has a processor fill a store that every instance has whole, from all partitions of a topic (Kafka's `addGlobalStore`):
    /// for what is not simply the table of the topic, which is a [`global_table`](Self::global_table). Processors
    /// [read](crate::processing::Stores::read) it. It is filled before the application processes its first record, and by a
    /// thread of its own from then on; the topic is its changelog, so whatever is missing passes through the processor again.
    /// Punctuations are not called there.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const NAMES: Topic<String, String> = Topic::new("names");
    /// const LENGTHS: KeyValueStore<String, i64> = KeyValueStore::new("lengths");
    ///
    /// struct Lengths(Open<KeyValueStore<String, i64>>);
    ///
    /// impl Processor<String, String> for Lengths {
    ///     type Out = ();
    ///
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         _: &mut Context<Self::Out>,
    ///     ) -> Result<(), ProcessError> {
    ///         self.0.put(&record.key, record.value.len() as i64)
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.add_global_store(NAMES, LENGTHS, Lengths);
    /// # builder.stream(Topic::<String, String>::new("in")).for_each(|_, _| {});
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(NAMES).send("a", "Ada")?;
    /// assert_eq!(driver.store(LENGTHS)?.get("a")?, Some(3));
    /// # Ok(()) }
    /// ```
    pub fn add_global_store<K: Element, V: Element, SK: Element, SV: Element, P>(
        &self,
        topic: Topic<K, V>,
        store: impl Into<KeyValueStore<SK, SV>>,
        make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
    ) where
        P: Processor<K, V, Out = ()>,
    {
        let graph = &mut *self.graph.borrow_mut();
        let names = (graph.generate("KSTREAM-SOURCE-"), graph.generate("KTABLE-SOURCE-"));
        add_global(graph, names, topic, store.into(), make);
    }
}

/// Adds a source and the processor that fills a global store.
pub(super) fn add_global<K: Element, V: Element, SK: Element, SV: Element, P>(
    graph: &mut Graph,
    (source, processor): (String, String),
    topic: Topic<K, V>,
    store: KeyValueStore<SK, SV>,
    make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
) where
    P: Processor<K, V, Out = ()>,
{
    let source = add_source(graph, source, topic);
    filling(store.unlogged(), make).add_global(graph, processor, source);
}

/// Adds a source and the processor that fills a store of every task, rebuilt from the very topic (KIP-813).
pub(super) fn add_read_only<K: Element, V: Element, SK: Element, SV: Element, P>(
    graph: &mut Graph,
    (source, processor): (String, String),
    topic: Topic<K, V>,
    store: KeyValueStore<SK, SV>,
    make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
) where
    P: Processor<K, V, Out = ()>,
{
    let changelog = topic.topic_name();
    let source = add_source(graph, source, topic);
    let mut made = filling(store, make);
    for declared in &mut made.stores {
        declared.spec.changelog = Some(changelog.clone());
        declared.spec.changelog_is_source = true;
    }
    made.add(graph, processor, &[source]);
}

fn add_source<K: Element, V: Element>(graph: &mut Graph, name: String, topic: Topic<K, V>) -> NodeId {
    source::add(graph, name, topic.topic_name(), topic.key, topic.value)
}

fn filling<K: Element, V: Element, SK: Element, SV: Element, P: Processor<K, V, Out = ()>>(
    store: KeyValueStore<SK, SV>,
    make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
) -> Made {
    processor::make::<K, V, P>(move |stores| make(stores.open(store.clone())))
}
