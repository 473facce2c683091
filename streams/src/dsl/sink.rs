//! The node where records leave for a topic.

use std::sync::Arc;

use crate::errors::{Action, Failed};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{Assembly, TopicHandle, erase};
use crate::topology::{Graph, NodeId, NodeKind, SinkFactory, TopicName};

use super::partitioner::{Partitioner, Partitions, partitioner};
use super::{Element, SharedGraph};

/// What [`KStream::to`](super::KStream::to) made, to be named or told how to choose partitions.
pub struct Sink<K: 'static, V: 'static> {
    pub(super) graph: SharedGraph,
    pub(super) node: NodeId,
    pub(super) encoding: Encoding<K, V>,
    /// Makes the node anew when the encoding has changed.
    pub(super) redraw: Redraw<K, V>,
}

impl<K: Element, V: Element> Sink<K, V> {
    /// Decides what becomes of records that fail here, in place of what the application says: they have no bytes, or the topic
    /// does not take them; see [`errors`](crate::errors).
    pub fn on_error(self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.graph.borrow_mut().on_error(self.node, Arc::new(policy));
        self
    }

    /// Names the sink (Kafka's `Produced.as`).
    pub fn named(self, name: &str) {
        self.graph.borrow_mut().rename(self.node, name);
    }

    /// Has a closure choose the partition by key, value and the number of partitions of the topic (Kafka's
    /// `StreamPartitioner`): a number, `None` for what the hash of the key says, or a vector of partitions that each get a
    /// copy. A partition that the topic does not have stops the task.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream(Topic::<String, i64>::new("orders"));
    /// orders.to(Topic::new("by-size")).partitioned_by(|_, cents, partitions| (*cents as i32 / 100_00).min(partitions - 1));
    /// ```
    pub fn partitioned_by<P: Into<Partitions>>(
        mut self,
        choose: impl Fn(&K, &V, i32) -> P + Send + Sync + 'static,
    ) -> Self {
        self.encoding.partitioner = Some(partitioner(choose));
        (self.redraw)(&mut self.graph.borrow_mut(), self.node, self.encoding.clone());
        self
    }
}

pub(super) type Redraw<K, V> = Box<dyn Fn(&mut Graph, NodeId, Encoding<K, V>)>;

/// How records become bytes, and which partition they go to.
pub(super) struct Encoding<K: 'static, V: 'static> {
    pub(super) key: SerdeHandle<K>,
    pub(super) value: SerdeHandle<V>,
    /// `None`: the hash of the key decides.
    pub(super) partitioner: Option<Partitioner<K, V>>,
    /// What the key's serde says of the end of its keys; it always says the same.
    pub(super) unpartitioned_suffix: usize,
}

impl<K, V> Encoding<K, V> {
    pub(super) fn new(key: SerdeHandle<K>, value: SerdeHandle<V>) -> Self {
        let unpartitioned_suffix = key.unpartitioned_suffix();
        Self { key, value, partitioner: None, unpartitioned_suffix }
    }

    /// Encodes a record by reference into a topic.
    #[inline]
    pub(super) fn send(
        &self,
        (topic, name): (TopicHandle, &str),
        record: &Record<K, V>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let chosen = match &self.partitioner {
            None => Partitions::Default,
            Some(choose) => choose(&record.key, &record.value, cx.sink.partitions(topic)),
        };
        let encode = |key: &mut Vec<u8>, value: &mut Vec<u8>| {
            let failed = |part| move |source| ProcessError::encode(part, name, source);
            let has_key = self.key.encode(&record.key, key).map_err(failed("key"))?;
            let has_value = self.value.encode(&record.value, value).map_err(failed("value"))?;
            Ok((has_key, has_value))
        };
        let (timestamp, headers) = (record.timestamp, &record.headers);
        match chosen {
            Partitions::Default => cx.send(topic, self.unpartitioned_suffix, timestamp, headers, encode),
            Partitions::One(partition) => cx.send_to(topic, &[partition], timestamp, headers, encode),
            Partitions::Each(partitions) => cx.send_to(topic, &partitions, timestamp, headers, encode),
        }
    }
}

impl<K, V> Clone for Encoding<K, V> {
    fn clone(&self) -> Self {
        let Self { key, value, partitioner, unpartitioned_suffix } = self;
        let (key, value, partitioner) = (key.clone(), value.clone(), partitioner.clone());
        Self { key, value, partitioner, unpartitioned_suffix: *unpartitioned_suffix }
    }
}

/// Sends records to one topic.
struct SinkNode<K: 'static, V: 'static> {
    node: NodeId,
    name: TopicName,
    topic: TopicHandle,
    encoding: Encoding<K, V>,
}

impl<K, V> Downstream<K, V> for SinkNode<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        cx.state.counts.sent(record.timestamp);
        self.encoding.send((self.topic, self.name.as_str()), &record, cx)
    }
}

/// Adds a sink below `parents`.
pub(super) fn add<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    parents: &[NodeId],
    topic: TopicName,
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
) -> NodeId {
    let factory = factory(Encoding::new(key, value));
    graph.add(name, NodeKind::Sink { topic, factory }, parents)
}

/// Gives a sink another encoding.
pub(super) fn redraw<K: Element, V: Element>(graph: &mut Graph, sink: NodeId, encoding: Encoding<K, V>) {
    graph.node_mut(sink).chooses_partitions = encoding.partitioner.is_some();
    if let NodeKind::Sink { factory: drawn, .. } = &mut graph.node_mut(sink).kind {
        *drawn = factory(encoding);
    }
}

fn factory<K: Element, V: Element>(encoding: Encoding<K, V>) -> SinkFactory {
    Arc::new(move |assembly: &mut Assembly<'_>, node, name: &TopicName| {
        let topic = assembly.topic(name);
        erase(SinkNode { node, name: name.clone(), topic, encoding: encoding.clone() })
    })
}
