//! Into topics that the records name.

use std::any::type_name;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::sink::Encoding;
use crate::dsl::{KStream, Sink};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, TopicHandle, erase};
use crate::topology::{Graph, NodeId, NodeKind, ProcessorFactory, TopicName};

impl<K: Data, V: Data> KStream<K, V> {
    /// Writes each record to the topic that the closure names (Kafka's `TopicNameExtractor`). The topics must exist. Keys and
    /// values are written as they were read, or as their types write them.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const ODD: Topic<String, i64> = Topic::new("odd");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to_dynamic(|record| if record.value % 2 == 0 { "even" } else { "odd" });
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(ODD).drain(), [record("a", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn to_dynamic<F, N>(&self, name: F) -> Sink<K, V>
    where
        F: Fn(&Record<K, V>) -> N + Send + Sync + 'static,
        N: Into<Cow<'static, str>>,
    {
        let graph = &mut *self.graph.borrow_mut();
        let generated = graph.generate("KSTREAM-SINK-");
        let encoding = Encoding::new(graph.key_serde::<K>(self.node), graph.value_serde::<V>(self.node));
        let name: Extractor<K, V> = Arc::new(move |record| name(record).into());
        let kind = NodeKind::DynamicSink {
            extractor: type_name::<F>(),
            factory: factory(Arc::clone(&name), encoding.clone()),
        };
        let node = graph.add(generated, kind, &[self.node]);
        let redraw = Box::new(move |graph: &mut Graph, sink, encoding: Encoding<K, V>| {
            graph.node_mut(sink).chooses_partitions = encoding.partitioner.is_some();
            if let NodeKind::DynamicSink { factory: drawn, .. } = &mut graph.node_mut(sink).kind {
                *drawn = factory(Arc::clone(&name), encoding);
            }
        });
        Sink { graph: self.graph.clone(), node, encoding, redraw }
    }
}

type Extractor<K, V> = Arc<dyn Fn(&Record<K, V>) -> Cow<'static, str> + Send + Sync>;

fn factory<K: Data, V: Data>(name: Extractor<K, V>, encoding: Encoding<K, V>) -> ProcessorFactory {
    Arc::new(move |_assembly: &mut Assembly<'_>, node| {
        let (name, encoding, topics) = (Arc::clone(&name), encoding.clone(), RefCell::default());
        erase(DynamicSink { node, name, encoding, topics })
    })
}

struct DynamicSink<K: 'static, V: 'static> {
    node: NodeId,
    name: Extractor<K, V>,
    encoding: Encoding<K, V>,
    /// The topics that records have gone to; there are no more of them than the cluster has.
    topics: RefCell<HashMap<Cow<'static, str>, TopicHandle>>,
}

impl<K, V> Downstream<K, V> for DynamicSink<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        cx.state.counts.sent(record.timestamp);
        let name = (self.name)(&record);
        let known = self.topics.borrow().get(&*name).copied();
        let topic = known.unwrap_or_else(|| {
            let topic = cx.sink.topic(&TopicName::External(Arc::from(&*name)));
            self.topics.borrow_mut().insert(name.clone(), topic);
            topic
        });
        self.encoding.send((topic, &name), &record, cx)
    }
}
