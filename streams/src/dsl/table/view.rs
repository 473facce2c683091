//! The values of a table as a join reads them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::Element;
use crate::processor::ProcessError;
use crate::store::typed::TypedStore;
use crate::task::Assembly;
use crate::topology::NodeId;

use super::derive::Derive;

/// Answers with the current value of a key.
pub(crate) trait View<K, V> {
    /// Calls `read` once, with the value of `key` or with none. The value is lent, so that nothing is cloned; `read` must not
    /// touch a store.
    fn read(&self, key: &K, read: &mut dyn FnMut(Option<&V>)) -> Result<(), ProcessError>;
}

/// Makes the view of a table in a task.
pub(in crate::dsl) type MakeView<K, V> = Arc<dyn Fn(&Assembly<'_>) -> Rc<dyn View<K, V>> + Send + Sync>;

/// The view of the table that `node` makes and a store keeps.
pub(super) fn kept<K: Element, V: Element>(node: NodeId) -> MakeView<K, V> {
    Arc::new(move |assembly| Rc::new(Kept { store: assembly.view::<K, V>(node) }))
}

/// The view of a table that is computed from another one.
pub(super) fn derived<K: Element, V: Element, V2: Element>(
    above: MakeView<K, V>,
    derive: Arc<impl Derive<K, V, V2>>,
) -> MakeView<K, V2> {
    Arc::new(move |assembly| Rc::new(Derived { above: above(assembly), derive: Arc::clone(&derive) }))
}

struct Kept<K: 'static, V: 'static> {
    store: Rc<RefCell<TypedStore<K, V>>>,
}

impl<K: Element, V: Element> View<K, V> for Kept<K, V> {
    fn read(&self, key: &K, read: &mut dyn FnMut(Option<&V>)) -> Result<(), ProcessError> {
        let mut store = self.store.borrow_mut();
        let index = store.load(key)?;
        read(store.entry(index).value.as_ref());
        Ok(())
    }
}

struct Derived<K, V, F> {
    above: Rc<dyn View<K, V>>,
    derive: Arc<F>,
}

impl<K, V: Clone, V2, F: Derive<K, V, V2>> View<K, V2> for Derived<K, V, F> {
    fn read(&self, key: &K, read: &mut dyn FnMut(Option<&V2>)) -> Result<(), ProcessError> {
        self.above.read(key, &mut |value| {
            let value = value.and_then(|value| (self.derive)(key, value.clone()));
            read(value.as_ref());
        })
    }
}
