//! The node where records get their types.

use std::any::TypeId;
use std::rc::Rc;
use std::sync::Arc;

use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{RawRecord, Source};
use crate::topology::{Graph, NodeId, NodeKind, TopicName};

use super::{Element, Topic};

/// Decodes the records of one topic.
struct SourceNode<K: 'static, V: 'static> {
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V> Source for SourceNode<K, V> {
    fn process(&self, raw: RawRecord<'_>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        if raw.timestamp < 0 {
            return Err(ProcessError::timestamp(raw.timestamp));
        }
        let key = self.key.decode(raw.key).map_err(|source| ProcessError::decode("key", source))?;
        let value = self.value.decode(raw.value).map_err(|source| ProcessError::decode("value", source))?;
        let record = Record { key, value, timestamp: raw.timestamp, headers: raw.headers };
        self.below.process(record, cx)
    }
}

/// Adds the source of a repartition topic that `sink` writes.
pub(super) fn add_below<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    sink: NodeId,
    topic: TopicName,
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
) -> NodeId {
    let source = add(graph, name, topic, key, value);
    graph.put_after(source, sink);
    source
}

/// Adds a source of one topic.
pub(super) fn add<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    topic: TopicName,
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
) -> NodeId {
    add_sources(graph, name, vec![topic], vec![(key, value)])
}

/// Adds a source of several topics, each with its own serdes.
pub(super) fn add_topics<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    topics: Vec<Topic<K, V>>,
) -> NodeId {
    let names = topics.iter().map(Topic::topic_name).collect();
    add_sources(graph, name, names, topics.into_iter().map(|topic| (topic.key, topic.value)).collect())
}

type Serdes<K, V> = (SerdeHandle<K>, SerdeHandle<V>);

fn add_sources<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    topics: Vec<TopicName>,
    serdes: Vec<Serdes<K, V>>,
) -> NodeId {
    let first = serdes.first().cloned();
    let factory = Arc::new(move |assembly: &mut crate::task::Assembly<'_>, id| {
        let below = assembly.downstream::<K, V>(id);
        let source = |(key, value): &Serdes<K, V>| {
            let (key, value, below) = (key.clone(), value.clone(), Rc::clone(&below));
            Rc::new(SourceNode { key, value, below }) as Rc<dyn Source>
        };
        serdes.iter().map(source).collect()
    });
    let source = graph.add(name, NodeKind::Source { topics, types: TypeId::of::<(K, V)>(), factory }, &[]);
    if let Some((key, value)) = first {
        graph.read_with(source, &key, &value);
    }
    source
}
