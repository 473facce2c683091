//! The node of every aggregation of a stream.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::Element;
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::store::KeyValueStore;
use crate::store::typed::{self, TypedStore, factory, tell};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{Graph, NodeId, NodeKind, Values};

/// What an aggregation does with a record: the aggregate so far in, the new one out; `None` is no aggregate.
pub(in crate::dsl) trait Update<K, V, A>:
    Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static
{
}

impl<K, V, A, F: Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static> Update<K, V, A> for F {}

pub(super) fn add<K, V, A, F>(
    graph: &mut Graph,
    name: String,
    parent: NodeId,
    store: KeyValueStore<K::Present, A>,
    store_name: String,
    update: F,
) -> NodeId
where
    K: Data,
    V: Data,
    A: Element,
    F: Update<K::Present, V::Present, A>,
{
    let update = Arc::new(update);
    let store = graph.add_store(store.spec(store_name), factory(store));
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let (store, below) = (assembly.table::<K::Present, A>(id, store), assembly.downstream(id));
        let update = Arc::clone(&update);
        let node = Rc::new(Aggregate { node: id, update, store, below });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        erase::<K, V>(node)
    });
    let node = graph.add(name, NodeKind::Processor { factory }, &[parent]);
    graph.add_values(node, Values::Stored(store));
    node
}

struct Aggregate<K: 'static, A: 'static, F> {
    node: NodeId,
    update: Arc<F>,
    store: Rc<RefCell<TypedStore<K, A>>>,
    below: Rc<dyn Downstream<K, Change<A>>>,
}

impl<K, V, A, F> Downstream<K, V> for Rc<Aggregate<K::Present, A, F>>
where
    K: Data,
    V: Data,
    A: Element,
    F: Update<K::Present, V::Present, A>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let (Some(key), Some(value)) = (key.into_present(), value.into_present()) else {
            cx.drop_record();
            return Ok(());
        };
        let mut store = self.store.borrow_mut();
        let index = store.load(&key)?;
        let (entry, latest) = store.update(index, cx, |old, before| {
            let latest = if old.is_some() { timestamp.max(before) } else { timestamp };
            ((self.update)(&key, value, old), latest)
        });
        // A removed aggregate has no time of its own any more: it goes at the time of the record that removed it.
        entry.timestamp = if entry.value.is_some() { latest } else { timestamp };
        entry.headers = headers;
        tell(store, index, latest, &*self.below, cx)
    }
}

impl<K: Element, A: Element, F> Flush for Aggregate<K, A, F> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.node, &*self.below, cx)
    }
}
