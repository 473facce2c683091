//! The node that makes a table of a topic or a stream.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::Element;
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::store::KeyValueStore;
use crate::store::typed::{self, TypedStore, tell};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{Graph, NodeId, NodeKind, Values};

/// What a table takes of a record: nothing without a key, a removal without a value.
pub(in crate::dsl) trait Present<K1, V1, K, V>:
    Fn(K1, V1) -> (Option<K>, Option<V>) + Copy + Send + Sync + 'static
{
}

impl<K1, V1, K, V, F> Present<K1, V1, K, V> for F where
    F: Fn(K1, V1) -> (Option<K>, Option<V>) + Copy + Send + Sync + 'static
{
}

/// Adds the node below `source`; `generated` is the name of a store that was given none, which is only there if something
/// below needs it.
pub(in crate::dsl) fn add_table<K1: Element, V1: Element, K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    source: NodeId,
    store: KeyValueStore<K, V>,
    generated: Option<String>,
    present: impl Present<K1, V1, K, V>,
) -> NodeId {
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let below = assembly.downstream(id);
        let Some(store) = assembly.kept_in(id) else {
            return erase::<K1, V1>(Updates { node: id, present, below, types: PhantomData });
        };
        let node = Rc::new(Table { node: id, store: assembly.table::<K, V>(id, store), below });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        erase::<K1, V1>(Updates { node: id, present, below: node, types: PhantomData })
    });
    let node = graph.add(name, NodeKind::Processor { factory }, &[source]);
    let values = if generated.is_some() { Values::Latent } else { Values::Stored };
    let store_name = generated.or_else(|| store.name().map(str::to_owned)).unwrap_or_default();
    let store = graph.add_store(store.spec(store_name), typed::factory(store));
    graph.add_values(node, values(store));
    node
}

/// Turns records into updates.
struct Updates<F, N, T> {
    node: NodeId,
    present: F,
    /// The nodes below, or the store in between.
    below: N,
    types: PhantomData<fn() -> T>,
}

impl<K1, V1, K, V, F, N> Downstream<K1, V1> for Updates<F, N, (K, V)>
where
    F: Present<K1, V1, K, V>,
    N: Takes<K, V>,
{
    fn process(&self, record: Record<K1, V1>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let (Some(key), new) = (self.present)(key, value) else {
            cx.drop_record();
            return Ok(());
        };
        self.below.take(Record { key, value: new, timestamp, headers }, cx)
    }
}

/// Where the updates of a table go.
trait Takes<K, V> {
    fn take(&self, record: Record<K, Option<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError>;
}

/// A table that nobody asked to keep.
impl<K, V> Takes<K, V> for Rc<dyn Downstream<K, Change<V>>> {
    fn take(&self, record: Record<K, Option<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let Record { key, value: new, timestamp, headers } = record;
        self.process(Record { key, value: Change { new, old: None }, timestamp, headers }, cx)
    }
}

/// A table kept in a store.
struct Table<K: 'static, V: 'static> {
    node: NodeId,
    store: Rc<RefCell<TypedStore<K, V>>>,
    below: Rc<dyn Downstream<K, Change<V>>>,
}

impl<K: Element, V: Element> Takes<K, V> for Rc<Table<K, V>> {
    fn take(&self, record: Record<K, Option<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let mut store = self.store.borrow_mut();
        let index = store.load(&record.key)?;
        let entry = store.modify(index);
        entry.value = record.value;
        entry.timestamp = record.timestamp;
        entry.headers = record.headers;
        entry.set_source(cx.source());
        tell(store, index, record.timestamp, &*self.below, cx)
    }
}

impl<K: Element, V: Element> Flush for Table<K, V> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.node, &*self.below, cx)
    }
}
