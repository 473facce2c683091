//! Making a task: from sinks to sources, so that every node is given the nodes below it.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::outlet::{Captured, Drain};
use crate::processing::Attended;
use crate::processor::{Context, Discard, Downstream, FanOut, ProcessError, Record};
use crate::store::backend::KeyValueBackend;
use crate::store::cache::CacheBudget;
use crate::store::shared::{Globals, SharedBackend};
use crate::store::typed::{TaskStore, TypedStore};
use crate::topology::{
    Graph, NodeId, NodeKind, ProcessorFactory, StoreId, StoreSpec, Subtopology, TopicName, Values,
};

use super::{RecordSink, Source, TaskId, TopicHandle};

/// A node with a store in front of which updates wait.
pub(crate) trait Flush {
    /// Writes what has changed since the last flush to the changelog and the backend, and tells the nodes below.
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError>;
}

/// What a typed store is made of.
pub(crate) struct StoreParts {
    pub(crate) spec: StoreSpec,
    pub(crate) backend: Box<dyn KeyValueBackend>,
    /// The changelog and the partition of it that belongs to the task.
    pub(crate) changelog: Option<(TopicHandle, i32)>,
    pub(crate) budget: Rc<CacheBudget>,
}

/// A task in the making.
pub(crate) struct Assembly<'a> {
    graph: &'a Graph,
    sink: &'a mut dyn RecordSink,
    /// `Rc<dyn Downstream<K, V>>` of the nodes made so far.
    made: HashMap<NodeId, Box<dyn Any>>,
    stores: HashMap<StoreId, Rc<dyn TaskStore>>,
    /// The stores of global tables.
    globals: &'a Globals,
    flushes: Vec<(NodeId, Rc<dyn Flush>)>,
    /// Stores of processors that are in the flush pass.
    flushed: HashSet<StoreId>,
    attended: Vec<(NodeId, Rc<dyn Attended>)>,
    drains: Vec<(NodeId, Rc<dyn Drain>)>,
    sources: HashMap<NodeId, Vec<Rc<dyn Source>>>,
}

/// The nodes of a task that are reached from outside.
pub(crate) struct Assembled {
    /// Of each node one a topic, in their order.
    pub(crate) sources: HashMap<NodeId, Vec<Rc<dyn Source>>>,
    /// In topological order.
    pub(crate) flushes: Vec<(NodeId, Rc<dyn Flush>)>,
    /// The processors, in topological order.
    pub(crate) attended: Vec<(NodeId, Rc<dyn Attended>)>,
    /// The outlets, in topological order.
    pub(crate) drains: Vec<(NodeId, Rc<dyn Drain>)>,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        sink: &'a mut dyn RecordSink,
        stores: HashMap<StoreId, Rc<dyn TaskStore>>,
        globals: &'a Globals,
    ) -> Self {
        Self {
            graph,
            sink,
            made: HashMap::new(),
            stores,
            globals,
            flushes: Vec::new(),
            flushed: HashSet::new(),
            attended: Vec::new(),
            drains: Vec::new(),
            sources: HashMap::new(),
        }
    }

    /// The nodes of a part come in order from sources to sinks; each is made after those below it.
    pub(crate) fn assemble(mut self, part: &Subtopology) -> Assembled {
        for id in part.nodes.iter().rev().copied() {
            match &self.graph.node(id).kind {
                NodeKind::Source { factory, .. } => {
                    let sources = factory(&mut self, id);
                    self.sources.insert(id, sources);
                }
                NodeKind::Processor { factory }
                | NodeKind::DynamicSink { factory, .. }
                | NodeKind::Outlet { factory, .. } => {
                    let node = factory(&mut self, id);
                    self.made.insert(id, node);
                }
                NodeKind::Sink { topic, factory } => {
                    let node = factory(&mut self, id, topic);
                    self.made.insert(id, node);
                }
            }
        }
        self.flushes.reverse();
        self.attended.reverse();
        self.drains.reverse();
        let Self { sources, flushes, attended, drains, .. } = self;
        Assembled { sources, flushes, attended, drains }
    }

    /// The nodes below `id` as one.
    pub(crate) fn downstream<K: Clone + 'static, V: Clone + 'static>(
        &self,
        id: NodeId,
    ) -> Rc<dyn Downstream<K, V>> {
        self.downstream_without(id, None)
    }

    /// The nodes below `id` as one, but for one that takes other records.
    pub(crate) fn downstream_without<K: Clone + 'static, V: Clone + 'static>(
        &self,
        id: NodeId,
        other: Option<NodeId>,
    ) -> Rc<dyn Downstream<K, V>> {
        let children = self.children(id).iter().filter(|child| Some(**child) != other);
        let mut children = children.map(|child| self.child::<K, V>(*child));
        let Some(last) = children.next_back() else { return Rc::new(Discard) };
        let first: Vec<_> = children.collect();
        if first.is_empty() { last } else { Rc::new(FanOut { first, last }) }
    }

    /// The nodes below `id`, in the order in which they were attached.
    pub(crate) fn children(&self, id: NodeId) -> &'a [NodeId] {
        &self.graph.node(id).children
    }

    pub(crate) fn name(&self, id: NodeId) -> &'a str {
        &self.graph.node(id).name
    }

    /// The name of the (first) node above `id`.
    pub(crate) fn name_above(&self, id: NodeId) -> &'a str {
        self.graph.node(id).parents.first().map_or("", |parent| &self.graph.node(*parent).name)
    }

    /// One of the nodes below a node that tells them apart.
    #[expect(clippy::expect_used, reason = "the DSL only draws edges between equal types")]
    pub(crate) fn child<K: 'static, V: 'static>(&self, id: NodeId) -> Rc<dyn Downstream<K, V>> {
        let node = self.made.get(&id).and_then(|node| node.downcast_ref::<Rc<dyn Downstream<K, V>>>());
        Rc::clone(node.expect("a child of the type of its parent's output"))
    }

    /// The task's store.
    #[expect(clippy::expect_used, reason = "a store id carries the types it was made with")]
    pub(crate) fn store<K: 'static, V: 'static>(&self, id: StoreId) -> Rc<RefCell<TypedStore<K, V>>> {
        let store = self.stores.get(&id).map(|store| Rc::clone(store).into_any());
        let typed = store.and_then(|store| store.downcast::<RefCell<TypedStore<K, V>>>().ok());
        typed.expect("a store of the sub-topology, of its types")
    }

    /// The store of the table that node `id` makes, told whether to send old values.
    pub(crate) fn table<K: 'static, V: 'static>(
        &self,
        id: NodeId,
        store: StoreId,
    ) -> Rc<RefCell<TypedStore<K, V>>> {
        let store = self.store::<K, V>(store);
        if self.graph.sends_old(id) {
            store.borrow_mut().send_old();
        }
        store
    }

    /// The store of the table that node `id` makes, to be read.
    #[expect(clippy::expect_used, reason = "who reads a table has had it kept")]
    pub(crate) fn view<K: 'static, V: 'static>(&self, id: NodeId) -> Rc<RefCell<TypedStore<K, V>>> {
        self.store(self.kept_in(id).expect("a table that is kept"))
    }

    /// The name and the bytes of a global table's store.
    #[expect(clippy::expect_used, reason = "who makes tasks has made the global stores first")]
    pub(crate) fn global(&self, id: StoreId) -> (Arc<str>, SharedBackend) {
        let name = &self.graph.store(id).0.name;
        (name.as_str().into(), self.globals.get(name).expect("a global store before the tasks that read it"))
    }

    /// The store that the table of node `id` is kept in, if it is.
    pub(crate) fn kept_in(&self, id: NodeId) -> Option<StoreId> {
        match self.graph.values(id) {
            Some(Values::Stored(store)) => Some(store),
            Some(Values::Latent(_) | Values::Derived(_)) | None => None,
        }
    }

    /// Whether records without a key may pass `id` on their way through a repartition topic.
    pub(crate) fn keeps_missing_keys(&self, id: NodeId) -> bool {
        self.graph.leads_to_left_join(id)
    }

    /// Whether the table that node `id` makes tells of old values.
    pub(crate) fn sends_old(&self, id: NodeId) -> bool {
        self.graph.sends_old(id)
    }

    /// The task's store of that name, for a node that is connected with it.
    #[expect(
        clippy::expect_used,
        reason = "what a processor opens is connected with it when the topology is built"
    )]
    pub(crate) fn store_named(&self, name: &str) -> Rc<dyn Any> {
        let id = self.graph.store_named(name);
        let id = id.expect("a store opens by the same name whenever its processor is made");
        self.stores.get(&id).map_or_else(|| self.global_store(id), Rc::clone).into_any()
    }

    /// A view of a global store: nothing is kept in front of the bytes, which others change.
    fn global_store(&self, id: StoreId) -> Rc<dyn TaskStore> {
        let (spec, factory) = self.graph.store(id);
        let backend = Box::new(self.global(id).1);
        let budget = Rc::new(CacheBudget::new(0));
        factory.make(StoreParts { spec: spec.clone(), backend, changelog: None, budget })
    }

    pub(crate) fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.sink.topic(name)
    }

    /// Adds a node to the flush pass.
    pub(crate) fn flushes(&mut self, id: NodeId, node: Rc<dyn Flush>) {
        self.flushes.push((id, node));
    }

    /// Adds a store of processors to the flush pass, once. Nodes are made from the sinks up, so it comes after everything that
    /// writes to it.
    pub(crate) fn flushes_store(&mut self, id: NodeId, name: &str, flush: Rc<dyn Flush>) {
        let store = self.graph.store_named(name).filter(|store| self.graph.is_of_processors(*store));
        if store.is_some_and(|store| self.flushed.insert(store)) {
            self.flushes.push((id, flush));
        }
    }

    /// What a test has in place of outlets; `None`: the outlets themselves.
    pub(crate) fn captured(&mut self) -> Option<&mut Captured> {
        self.sink.captured()
    }

    /// Whether what comes to `id` would come again if its records were read again.
    pub(crate) fn is_repeatable(&self, id: NodeId) -> bool {
        self.graph.is_repeatable(id)
    }

    /// Adds a node to those that a commit waits for.
    pub(crate) fn drains(&mut self, id: NodeId, node: Rc<dyn Drain>) {
        self.drains.push((id, node));
    }

    /// Adds a node to those that are called beside their records.
    pub(crate) fn attends(&mut self, id: NodeId, node: Rc<dyn Attended>) {
        self.attended.push((id, node));
    }
}

/// Boxes a node as [`Assembly::downstream`] expects it.
pub(crate) fn erase<K: 'static, V: 'static>(node: impl Downstream<K, V> + 'static) -> Box<dyn Any> {
    let node: Rc<dyn Downstream<K, V>> = Rc::new(node);
    Box::new(node)
}

/// Does nothing to records but count them.
struct Passed<K, V> {
    node: NodeId,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V> Downstream<K, V> for Passed<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        self.below.process(record, cx)
    }
}

/// A node that is only there to have a name.
pub(crate) fn pass<K: Clone + 'static, V: Clone + 'static>() -> ProcessorFactory {
    Arc::new(|assembly: &mut Assembly<'_>, id| {
        erase(Passed::<K, V> { node: id, below: assembly.downstream(id) })
    })
}

/// The partition of a task, for changelogs.
pub(crate) fn changelog(
    spec: &StoreSpec,
    task: TaskId,
    sink: &mut dyn RecordSink,
) -> Option<(TopicHandle, i32)> {
    let topic = spec.changelog.as_ref().filter(|_| !spec.changelog_is_source)?;
    Some((sink.topic(topic), task.partition))
}
