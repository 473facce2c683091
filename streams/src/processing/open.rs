//! Stores in the hands of a processor.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::dsl::Element;
use crate::processor::{Context, Discard, ProcessError};
use crate::store::typed::{self, TypedStore};
use crate::task::Flush;
use crate::topology::{NodeId, StoreFactory, StoreSpec};

/// A typed store, shared by the processors of a task and its queries.
type Shared<S> = Rc<RefCell<TypedStore<<S as OpenStore>::Key, <S as OpenStore>::Value>>>;

/// A store that a processor has opened; what can be done with it follows from the kind `S` of the store.
pub struct Open<S: OpenStore> {
    /// `None` while the topology is built, when there are no stores yet.
    store: Option<Shared<S>>,
    /// When an update is said to happen: the time of the record or punctuation that the processor is at.
    pub(super) time: Rc<Cell<i64>>,
}

impl<S: OpenStore> Open<S> {
    #[expect(
        clippy::expect_used,
        reason = "a processor is called in a task alone, and there it has its stores"
    )]
    pub(super) fn store(&self) -> &RefCell<TypedStore<S::Key, S::Value>> {
        self.store.as_ref().expect("a store is used once the task is made, not while the topology is built")
    }
}

/// A kind of store that a processor can open: its typed name, as [`KeyValueStore`](crate::KeyValueStore).
pub trait OpenStore: Sized {
    /// What its entries are found by.
    type Key: Element;
    /// What they hold.
    type Value: Element;

    /// What the store is.
    #[doc(hidden)]
    fn declare(self) -> Declared;
}

/// A store that a processor wants.
pub struct Declared {
    pub(crate) spec: StoreSpec,
    /// The key and the value.
    pub(crate) types: TypeId,
    pub(crate) factory: StoreFactory,
}

/// Opens the stores of a processor.
///
/// The function that makes a processor runs once when the topology is built, to learn which stores it opens, and once for
/// each task. Processors that open a store of the same name share it, and run in one sub-topology.
pub struct Stores<'a> {
    mode: Mode<'a>,
    time: Rc<Cell<i64>>,
}

enum Mode<'a> {
    Declare(&'a mut Vec<Declared>),
    Open(Opening<'a>),
}

/// The stores of a task in the making.
pub(crate) struct Opening<'a> {
    pub(crate) node: NodeId,
    pub(crate) by_name: &'a dyn Fn(&str) -> Rc<dyn Any>,
    /// What was opened, and how it is flushed should nobody else do it.
    pub(crate) opened: &'a mut Vec<(String, Rc<dyn Flush>)>,
}

impl<'a> Stores<'a> {
    /// Collects what is opened.
    pub(crate) fn declare(declared: &'a mut Vec<Declared>) -> Self {
        Self { mode: Mode::Declare(declared), time: Rc::default() }
    }

    /// Opens the stores of a task.
    pub(crate) fn of_task(opening: Opening<'a>, time: Rc<Cell<i64>>) -> Self {
        Self { mode: Mode::Open(opening), time }
    }

    /// Opens a store: one of the processor's own, one that another processor opens too, or the one of a table that was made
    /// before.
    ///
    /// # Panics
    /// When a task is made, if the store is a table's and of other types.
    pub fn open<S: OpenStore>(&mut self, store: impl Into<S>) -> Open<S> {
        let declared = store.into().declare();
        let time = Rc::clone(&self.time);
        match &mut self.mode {
            Mode::Declare(all) => {
                all.push(declared);
                Open { store: None, time }
            }
            Mode::Open(opening) => {
                let name = declared.spec.name;
                let store = (opening.by_name)(&name).downcast::<RefCell<TypedStore<S::Key, S::Value>>>();
                let store =
                    store.unwrap_or_else(|_| panic!("store {name:?} is opened with other types than it has"));
                let flush = Rc::new(StoreFlush { node: opening.node, store: Rc::clone(&store) });
                opening.opened.push((name, flush));
                Open { store: Some(store), time }
            }
        }
    }
}

/// Writes what has changed in a store at a commit. Nobody below hears of it.
struct StoreFlush<K: 'static, V: 'static> {
    node: NodeId,
    store: Rc<RefCell<TypedStore<K, V>>>,
}

impl<K: Element, V: Element> Flush for StoreFlush<K, V> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.node, &Discard, cx)
    }
}
