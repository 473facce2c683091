//! The node where records get their types.

use std::any::TypeId;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{RawRecord, Source};
use crate::topology::{Graph, NodeId, NodeKind, TopicName};

use super::timestamps::{TimestampExtractor, Timestamps};
use super::{Element, Topic};

/// Decodes the records of one topic.
struct SourceNode<K: 'static, V: 'static> {
    key: SerdeHandle<K>,
    value: SerdeHandle<V>,
    timestamps: Timestamps<K, V>,
    /// The largest time so far: a task has one of these nodes a topic, and reads one partition of it.
    partition_time: Cell<i64>,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V> Source for SourceNode<K, V> {
    fn process(&self, raw: &RawRecord<'_>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        // No `map_err`: it would move what was decoded once more.
        let key = match self.key.decode(raw.key) {
            Ok(key) => key,
            Err(source) => return Err(ProcessError::decode("key", source)),
        };
        let value = match self.value.decode(raw.value) {
            Ok(value) => value,
            Err(source) => return Err(ProcessError::decode("value", source)),
        };
        let mut record = Record { key, value, timestamp: raw.timestamp, headers: raw.headers.clone() };
        let partition_time = self.partition_time.get();
        let Some(timestamp) = self.timestamps.extract(&record, partition_time, cx)? else {
            tracing::warn!(task = %cx.state.task, offset = raw.offset, "a record without a valid time is skipped");
            cx.drop_record();
            return Ok(());
        };
        record.timestamp = timestamp;
        self.partition_time.set(partition_time.max(timestamp));
        cx.advance(timestamp);
        cx.pass(&*self.below, record)
    }

    fn partition_time(&self) -> i64 {
        self.partition_time.get()
    }

    fn resume_at(&self, partition_time: i64) {
        self.partition_time.set(partition_time);
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
    // What a repartition topic holds has a time, whatever the default for other topics.
    let timestamps = Timestamps::Of(TimestampExtractor::FailOnInvalid);
    let source = add_sources(graph, name, vec![topic], vec![(key, value)], timestamps);
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
    add_sources(graph, name, vec![topic], vec![(key, value)], Timestamps::Default)
}

/// Adds a source of several topics, each with its own serdes.
pub(super) fn add_topics<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    names: Vec<TopicName>,
    topics: Vec<Topic<K, V>>,
    timestamps: Timestamps<K, V>,
) -> NodeId {
    let serdes = topics.into_iter().map(|topic| (topic.key, topic.value)).collect();
    add_sources(graph, name, names, serdes, timestamps)
}

type Serdes<K, V> = (SerdeHandle<K>, SerdeHandle<V>);

fn add_sources<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    topics: Vec<TopicName>,
    serdes: Vec<Serdes<K, V>>,
    timestamps: Timestamps<K, V>,
) -> NodeId {
    let first = serdes.first().cloned();
    let factory = Arc::new(move |assembly: &mut crate::task::Assembly<'_>, id| {
        let below = assembly.downstream::<K, V>(id);
        let source = |(key, value): &Serdes<K, V>| {
            let (key, value, below) = (key.clone(), value.clone(), Rc::clone(&below));
            let (timestamps, partition_time) = (timestamps.clone(), Cell::new(-1));
            Rc::new(SourceNode { key, value, timestamps, partition_time, below }) as Rc<dyn Source>
        };
        serdes.iter().map(source).collect()
    });
    let source = graph.add(name, NodeKind::Source { topics, types: TypeId::of::<(K, V)>(), factory }, &[]);
    if let Some((key, value)) = first {
        graph.read_with(source, &key, &value);
    }
    source
}
