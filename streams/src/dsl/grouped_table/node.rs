//! The node of every aggregation of a table.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::Element;
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::store::KeyValueStore;
use crate::store::typed::{self, TypedStore, tell};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{Graph, NodeId, NodeKind, Values};

/// What an aggregation does with an update of its input: the aggregate so far in, the new one out, and whether it stands on
/// the one before, so that it is not older. `None` is no aggregate.
pub(super) trait Update<K, V, A>:
    Fn(&K, Change<V>, Option<A>) -> (Option<A>, Since) + Send + Sync + 'static
{
}

impl<K, V, A, F: Fn(&K, Change<V>, Option<A>) -> (Option<A>, Since) + Send + Sync + 'static> Update<K, V, A>
    for F
{
}

/// Since when an aggregate is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// The time of the record.
    Record,
    /// The later of the record's time and that of the aggregate before.
    Later,
}

pub(super) fn add<K: Element, V: Element, A: Element>(
    graph: &mut Graph,
    name: String,
    parent: NodeId,
    store: KeyValueStore<K, A>,
    store_name: String,
    update: impl Update<K, V, A>,
) -> NodeId {
    let update = Arc::new(update);
    let store = graph.add_store(store.spec(store_name), typed::factory(store));
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let (store, below) = (assembly.table::<K, A>(id, store), assembly.downstream(id));
        let update = Arc::clone(&update);
        let node = Rc::new(Aggregate { node: id, update, store, below });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        erase::<K, Change<V>>(node)
    });
    let node = graph.add(name, NodeKind::Processor { factory }, &[parent]);
    graph.add_values(node, Values::Stored(store));
    node
}

/// Kafka's `KTableAggregate` and `KTableReduce`.
struct Aggregate<K: 'static, A: 'static, F> {
    node: NodeId,
    update: Arc<F>,
    store: Rc<RefCell<TypedStore<K, A>>>,
    below: Rc<dyn Downstream<K, Change<A>>>,
}

impl<K: Element, V, A: Element, F: Update<K, V, A>> Downstream<K, Change<V>> for Rc<Aggregate<K, A, F>> {
    fn process(&self, record: Record<K, Change<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let mut store = self.store.borrow_mut();
        let index = store.load(&key)?;
        let (entry, latest) = store.update(index, cx, |old, before| {
            let (aggregate, since) = (self.update)(&key, value, old);
            (aggregate, if since == Since::Later { timestamp.max(before) } else { timestamp })
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
