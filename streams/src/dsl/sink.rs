//! The node where records leave for a topic.

use std::sync::Arc;

use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{Assembly, TopicHandle, erase};
use crate::topology::{Graph, NodeId, NodeKind, TopicName};

use super::{Element, SharedGraph};

/// What [`KStream::to`](super::KStream::to) made; only there to be named.
pub struct Sink {
    pub(super) graph: SharedGraph,
    pub(super) node: NodeId,
}

impl Sink {
    /// Names the sink (Kafka's `Produced.as`).
    pub fn named(self, name: &str) {
        self.graph.borrow_mut().rename(self.node, name);
    }
}

/// Encodes records by reference into the task's sink.
struct SinkNode<K: 'static, V: 'static> {
    node: NodeId,
    name: TopicName,
    topic: TopicHandle,
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
}

impl<K, V> Downstream<K, V> for SinkNode<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let suffix = self.key.unpartitioned_suffix();
        cx.send(self.topic, suffix, record.timestamp, &record.headers, |key, value| {
            let failed = |part| move |source| ProcessError::encode(part, self.name.as_str(), source);
            let has_key = self.key.encode(&record.key, key).map_err(failed("key"))?;
            let has_value = self.value.encode(&record.value, value).map_err(failed("value"))?;
            Ok((has_key, has_value))
        })
    }
}

/// Adds a sink below `parent`.
pub(super) fn add<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    parent: NodeId,
    topic: TopicName,
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
) -> NodeId {
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, node, name: &TopicName| {
        let topic = assembly.topic(name);
        let (name, key, value) = (name.clone(), key.clone(), value.clone());
        erase(SinkNode { node, name, topic, key, value })
    });
    graph.add(name, NodeKind::Sink { topic, factory }, &[parent])
}
