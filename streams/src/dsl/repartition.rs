//! The way through a topic that brings the records of one key together.

use std::any::TypeId;
use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{Graph, NodeId, NodeKind, Repartition, TopicName, repartition_topic};

use super::{sink, source};

/// Keeps records without a key out of the repartition topic.
struct PresentKey<K, V> {
    node: NodeId,
    /// Unless a join below has use for them.
    keeps_missing: bool,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K: Data, V> Downstream<K, V> for PresentKey<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        if !self.keeps_missing && record.key.is_null() {
            cx.drop_record();
            return Ok(());
        }
        self.below.process(record, cx)
    }
}

/// Has topic and nodes take their names from `leader`, should that be given one.
pub(super) fn follow(graph: &mut Graph, made: Repartition, leader: NodeId) {
    graph.follow_with_topic(leader, made.filter, "-filter");
    graph.follow_with_topic(leader, made.sink, "-sink");
    graph.follow_with_topic(leader, made.source, "-source");
}

/// Adds filter, sink and source around the topic `<prefix>-repartition`, named as Kafka's `OptimizableRepartitionNode` names
/// them.
pub(super) fn add<K: Data, V: Data>(graph: &mut Graph, parent: NodeId, prefix: &str) -> Repartition {
    let topic = repartition_topic(prefix);
    let names = names(graph, &topic);
    let made = add_named::<K, V>(graph, parent, topic, names);
    graph.add_repartition(made);
    made
}

/// The same for a topic that the program asks for, which the optimiser leaves where it is.
pub(super) fn add_fixed<K: Data, V: Data>(graph: &mut Graph, parent: NodeId, prefix: &str) -> Repartition {
    let topic = repartition_topic(prefix);
    let names = names(graph, &topic);
    add_named::<K, V>(graph, parent, topic, names)
}

fn add_named<K: Data, V: Data>(
    graph: &mut Graph,
    parent: NodeId,
    topic: String,
    names: Names,
) -> Repartition {
    let factory = Arc::new(|assembly: &mut Assembly<'_>, id| {
        let keeps_missing = assembly.keeps_missing_keys(id);
        erase(PresentKey { node: id, keeps_missing, below: assembly.downstream::<K, V>(id) })
    });
    let filter = graph.add(names.filter, NodeKind::Processor { factory }, &[parent]);
    let topic = TopicName::Internal(Arc::from(topic));
    let (key, value) = (graph.key_serde::<K>(parent), graph.value_serde::<V>(parent));
    let sink = sink::add::<K, V>(graph, names.sink, &[filter], topic.clone(), key.clone(), value.clone());
    let source = source::add_below::<K, V>(graph, names.source, sink, topic, key, value);
    Repartition { filter, sink, source, types: TypeId::of::<(K, V)>() }
}

/// The way of a stream of new keys into a join.
pub(super) struct JoinRepartition {
    /// Where the records come out again.
    pub(super) source: NodeId,
    /// The nodes, unless an earlier join of the stream made them.
    made: Option<Repartition>,
}

/// Takes a stream through the repartition topic that its joins share, `<name of its node>-repartition`.
pub(super) fn for_join<K: Data, V: Data>(graph: &mut Graph, stream: NodeId) -> JoinRepartition {
    if let Some(source) = graph.joined_through(stream) {
        skip_names(graph);
        return JoinRepartition { source, made: None };
    }
    let prefix = graph.node(stream).name.clone();
    let made = add::<K, V>(graph, stream, &prefix);
    graph.join_through(stream, made.source);
    JoinRepartition { source: made.source, made: Some(made) }
}

impl JoinRepartition {
    /// Names the topic after the join, should that be given a name; a join that shared the topic gets its own then.
    pub(super) fn name_after<K: Data, V: Data>(self, graph: &mut Graph, stream: NodeId, join: NodeId) {
        if let Some(made) = self.made {
            follow(graph, made, join);
            return;
        }
        let redraw = move |graph: &mut Graph, name: &str| {
            let topic = repartition_topic(name);
            let own = add_named::<K, V>(graph, stream, topic.clone(), Names::of_topic(&topic));
            graph.add_repartition(own);
            for node in [own.filter, own.sink, own.source] {
                graph.move_to(node, join);
            }
            graph.move_edge(join, self.source, own.source);
            graph.join_through(stream, own.source);
        };
        graph.on_named(join, Arc::new(redraw));
    }
}

/// Takes the numbers of a repartition that is already there.
pub(super) fn skip_names(graph: &mut Graph) {
    let _ = names(graph, "");
}

struct Names {
    sink: String,
    filter: String,
    source: String,
}

/// Numbers are taken whether they are used or not; a topic of a given name gives the nodes their names.
fn names(graph: &mut Graph, topic: &str) -> Names {
    let sink = graph.generate("KSTREAM-SINK-");
    let filter = graph.generate("KSTREAM-FILTER-");
    let source = graph.generate("KSTREAM-SOURCE-");
    if is_generated(topic) {
        return Names { sink, filter, source };
    }
    Names::of_topic(topic)
}

impl Names {
    fn of_topic(topic: &str) -> Self {
        let name = |part| format!("{topic}-{part}");
        Self { sink: name("sink"), filter: name("filter"), source: name("source") }
    }
}

/// Kafka's `KSTREAM.*-[0-9]{10}-repartition`.
fn is_generated(topic: &str) -> bool {
    let number = topic.strip_suffix("-repartition").and_then(|prefix| prefix.rsplit_once('-'));
    number.is_some_and(|(prefix, number)| {
        prefix.starts_with("KSTREAM")
            && number.len() == 10
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::is_generated;

    #[test]
    fn generated_names_are_told_from_given_ones() {
        assert!(is_generated("KSTREAM-AGGREGATE-STATE-STORE-0000000004-repartition"));
        assert!(!is_generated("word-counts-repartition"));
        assert!(!is_generated("KSTREAM-1-repartition"));
    }
}
