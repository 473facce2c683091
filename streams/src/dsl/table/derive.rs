//! The node of a table that is computed from another one, value by value.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KTable};
use crate::processor::{Change, Context, Downstream, ProcessError, Record};
use crate::store::KeyValueStore;
use crate::store::typed::{self, TypedStore, tell};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{NodeId, NodeKind, Values};

use super::view;

/// The value that an entry of the table above has here; `None`: it has none.
pub(super) trait Derive<K, V, V2>: Fn(&K, V) -> Option<V2> + Send + Sync + 'static {}

impl<K, V, V2, F: Fn(&K, V) -> Option<V2> + Send + Sync + 'static> Derive<K, V, V2> for F {}

/// How an operator that derives a table differs from the others.
pub(super) struct Operator<K: 'static, V2: 'static> {
    /// How its generated name begins.
    pub(super) prefix: &'static str,
    /// How the generated name of its store begins.
    pub(super) store_prefix: &'static str,
    /// Whether it leaves values out, so that updates between two of those are no news (Kafka's `KTableFilter`).
    pub(super) filters: bool,
    /// Where the values are kept; without a name they are not.
    pub(super) store: Option<KeyValueStore<K, V2>>,
}

impl<K: Element, V: Element> KTable<K, V> {
    /// Adds the node below this table.
    pub(super) fn derive<V2: Element>(
        &self,
        operator: Operator<K, V2>,
        derive: impl Derive<K, V, V2>,
    ) -> KTable<K, V2> {
        let graph = &mut *self.graph.borrow_mut();
        let Operator { prefix, store_prefix, filters, store } = operator;
        let named = match store {
            Some(store) if store.name().is_none() => {
                // The number that Kafka gives to the store which it then leaves out.
                let _ = graph.generate(store_prefix);
                None
            }
            store => store,
        };
        let name = graph.generate(prefix);
        let derive = Arc::new(derive);
        let made = Arc::clone(&derive);
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
            let (derive, below) = (Arc::clone(&made), assembly.downstream(id));
            let step = Step { node: id, derive, filters, sends_old: assembly.sends_old(id), below };
            match assembly.kept_in(id) {
                Some(store) => {
                    let node = Rc::new(Kept { step, store: assembly.table::<K, V2>(id, store) });
                    assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
                    erase(node)
                }
                None => erase(step),
            }
        });
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        let (values, view) = match named {
            Some(store) => {
                let spec = store.spec(store.name().unwrap_or_default().to_owned());
                (Values::Stored(graph.add_store(spec, typed::factory(store))), view::kept(node))
            }
            None => (Values::Derived(self.node), view::derived(Arc::clone(&self.view), derive)),
        };
        graph.add_values(node, values);
        if filters && graph.send_old(self.node, false) {
            // Where the old values are at hand, they spare the nodes below the removal of what they never saw.
            graph.send_old(node, false);
        }
        KTable { graph: self.graph.clone(), node, view }
    }
}

/// Derives the values as they pass.
struct Step<K, V2, F> {
    node: NodeId,
    derive: Arc<F>,
    filters: bool,
    sends_old: bool,
    below: Rc<dyn Downstream<K, Change<V2>>>,
}

impl<K, V2, F> Step<K, V2, F> {
    fn value<V>(&self, key: &K, value: Option<V>) -> Option<V2>
    where
        F: Derive<K, V, V2>,
    {
        value.and_then(|value| (self.derive)(key, value))
    }
}

impl<K, V, V2, F: Derive<K, V, V2>> Downstream<K, Change<V>> for Step<K, V2, F> {
    fn process(&self, record: Record<K, Change<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let new = self.value(&key, value.new);
        let old = if self.sends_old { self.value(&key, value.old) } else { None };
        if self.filters && self.sends_old && new.is_none() && old.is_none() {
            return Ok(());
        }
        self.below.process(Record { key, value: Change { new, old }, timestamp, headers }, cx)
    }
}

/// Derives the values and keeps them.
struct Kept<K: 'static, V2: 'static, F> {
    step: Step<K, V2, F>,
    store: Rc<RefCell<TypedStore<K, V2>>>,
}

impl<K: Element, V, V2: Element, F: Derive<K, V, V2>> Downstream<K, Change<V>> for Rc<Kept<K, V2, F>> {
    fn process(&self, record: Record<K, Change<V>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let step = &self.step;
        cx.enter(step.node);
        let new = step.value(&record.key, record.value.new);
        let mut store = self.store.borrow_mut();
        let index = store.load(&record.key)?;
        if step.filters && step.sends_old && new.is_none() && store.entry(index).value.is_none() {
            return Ok(());
        }
        let entry = store.modify(index);
        entry.value = new;
        entry.timestamp = record.timestamp;
        entry.headers = record.headers;
        entry.set_source(cx.source());
        tell(store, index, record.timestamp, &*step.below, cx)
    }
}

impl<K: Element, V2: Element, F> Flush for Kept<K, V2, F> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.step.node, &*self.step.below, cx)
    }
}
