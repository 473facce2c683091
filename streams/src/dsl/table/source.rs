//! The node that makes a table of a topic.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::Element;
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::store::KeyValueStore;
use crate::store::typed::{self, TypedStore, factory};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{Graph, NodeId, NodeKind};

/// Adds the node below `source`; `generated` is the name of a store that was given none.
pub(in crate::dsl) fn add_table<K: Element, V: Element>(
    graph: &mut Graph,
    name: String,
    source: NodeId,
    store: Option<KeyValueStore<K, V>>,
    generated: Option<String>,
) -> NodeId {
    let Some(store) = store else {
        let factory = Arc::new(|assembly: &mut Assembly<'_>, id| {
            erase(Updates::<K, V> { below: assembly.downstream(id) })
        });
        return graph.add(name, NodeKind::Processor { factory }, &[source]);
    };
    let store_name = generated.or_else(|| store.name().map(str::to_owned)).unwrap_or_default();
    let store = graph.add_store(store.spec(store_name), factory(store));
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let (store, below) = (assembly.store::<K, V>(store), assembly.downstream(id));
        let node = Rc::new(Table { node: id, store, below });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        erase(node)
    });
    let node = graph.add(name, NodeKind::Processor { factory }, &[source]);
    graph.connect_store(node, store);
    node
}

/// A table that nobody asked to keep: updates pass through.
struct Updates<K, V> {
    below: Rc<dyn Downstream<K, Change<V>>>,
}

impl<K, V> Downstream<Option<K>, Option<V>> for Updates<K, V> {
    fn process(
        &self,
        record: Record<Option<K>, Option<V>>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let Record { key, value: new, timestamp, headers } = record;
        let Some(key) = key else {
            cx.drop_record();
            return Ok(());
        };
        self.below.process(Record { key, value: Change { new, old: None }, timestamp, headers }, cx)
    }
}

/// A table kept in a store.
struct Table<K: 'static, V: 'static> {
    node: NodeId,
    store: Rc<RefCell<TypedStore<K, V>>>,
    below: Rc<dyn Downstream<K, Change<V>>>,
}

impl<K: Element, V: Element> Downstream<Option<K>, Option<V>> for Rc<Table<K, V>> {
    fn process(
        &self,
        record: Record<Option<K>, Option<V>>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let Some(key) = record.key else {
            cx.drop_record();
            return Ok(());
        };
        cx.enter(self.node);
        let mut store = self.store.borrow_mut();
        let index = store.load(&key)?;
        let entry = store.modify(index);
        entry.value = record.value;
        entry.timestamp = record.timestamp;
        entry.headers = record.headers;
        if store.is_cached() {
            return Ok(());
        }
        let change = store.change(index);
        drop(store);
        self.below.process(change, cx)
    }
}

impl<K: Element, V: Element> Flush for Table<K, V> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.node, &*self.below, cx)
    }
}
