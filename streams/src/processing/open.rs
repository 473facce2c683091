//! Stores in the hands of a processor.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use crate::dsl::Element;
use crate::processor::{Context, Discard, ProcessError};
use crate::store::typed::{self, TypedStore};
use crate::task::Flush;
use crate::topology::{NodeId, StoreFactory, StoreSpec};

/// A typed store, shared by the processors of a task and its queries.
type Shared<S> = Rc<RefCell<TypedStore<<S as OpenStore>::Key, <S as OpenStore>::Value>>>;

/// A store that a processor has opened to read and write; what can be done with it follows from the kind `S` of the store. It
/// can be read as a [`ReadOnly`].
pub struct Open<S: OpenStore> {
    readable: ReadOnly<S>,
    /// When an update is said to happen: the time of the record or punctuation that the processor is at.
    pub(super) time: Rc<Cell<i64>>,
}

impl<S: OpenStore> Deref for Open<S> {
    type Target = ReadOnly<S>;

    fn deref(&self) -> &ReadOnly<S> {
        &self.readable
    }
}

/// A store that a processor reads and somebody else fills: a table, another processor, or a global table.
pub struct ReadOnly<S: OpenStore> {
    /// `None` while the topology is built, when there are no stores yet.
    store: Option<Shared<S>>,
}

impl<S: OpenStore> ReadOnly<S> {
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

/// What a field of a processor can be that `#[store(...)]` stands at.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a store is opened as",
    note = "a field with `#[store(...)]` is an `Open<KeyValueStore<K, V>>`, a `ReadOnly<KeyValueStore<K, V>>`, or one of a `WindowStore<K, V>`"
)]
pub trait StoreField {
    /// The kind of the store.
    type Store: OpenStore;

    #[doc(hidden)]
    fn of(stores: &mut Stores<'_>, store: Self::Store) -> Self;
}

impl<S: OpenStore> StoreField for Open<S> {
    type Store = S;

    fn of(stores: &mut Stores<'_>, store: S) -> Self {
        stores.open(store)
    }
}

impl<S: OpenStore> StoreField for ReadOnly<S> {
    type Store = S;

    fn of(stores: &mut Stores<'_>, store: S) -> Self {
        stores.read(store)
    }
}

/// A store that a processor wants.
pub struct Declared {
    pub(crate) spec: StoreSpec,
    /// Whether it does not write to it.
    pub(crate) is_read: bool,
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
    /// ```compile_fail
    /// # use millstream::prelude::*;
    /// # fn open(stores: &mut Stores<'_>) {
    /// let seen: ReadOnly<KeyValueStore<String, i64>> = stores.read("seen");
    /// seen.put(&"a".to_string(), 1); // only what is opened can be written
    /// # }
    /// ```
    pub fn open<S: OpenStore>(&mut self, store: impl Into<S>) -> Open<S> {
        let declared = store.into().declare();
        let (name, time) = (declared.spec.name.clone(), Rc::clone(&self.time));
        let readable = ReadOnly { store: self.find::<S>(declared) };
        if let (Mode::Open(opening), Some(store)) = (&mut self.mode, &readable.store) {
            let flush = Rc::new(StoreFlush { node: opening.node, store: Rc::clone(store) });
            opening.opened.push((name, flush));
        }
        Open { readable, time }
    }

    /// Opens a store that a table, a global table or another processor fills, to read it (Kafka's read-only stores). It was made
    /// before. A global one is the same for all tasks, and filled by a thread of its own, so that it may change at any time.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const CITIES: Topic<String, String> = Topic::new("cities");
    /// const BY_NAME: KeyValueStore<String, String> = KeyValueStore::new("cities-by-name");
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// #[derive(Stores)]
    /// struct Where {
    ///     #[store(BY_NAME)]
    ///     cities: ReadOnly<KeyValueStore<String, String>>,
    /// }
    ///
    /// impl FixedKeyProcessor<String, String> for Where {
    ///     type Out = String;
    ///
    ///     fn process(
    ///         &mut self,
    ///         name: FixedKeyRecord<String, String>,
    ///         cx: &mut FixedKeyContext<String, String>,
    ///     ) -> Result<(), ProcessError> {
    ///         if let Some(city) = self.cities.get(name.value())? {
    ///             cx.forward(name.with_value(city));
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let _cities = builder.global_table_in(CITIES, BY_NAME);
    /// builder.stream(IN).process_values(Where::open).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(CITIES).send("ada", "London")?;
    /// driver.input(IN).send("1", "ada")?;
    /// driver.input(IN).send("2", "bob")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("1", "London")]);
    /// # Ok(()) }
    /// ```
    pub fn read<S: OpenStore>(&mut self, store: impl Into<S>) -> ReadOnly<S> {
        let declared = store.into().declare();
        ReadOnly { store: self.find::<S>(Declared { is_read: true, ..declared }) }
    }

    /// Notes the store, or finds it if there is a task.
    fn find<S: OpenStore>(&mut self, declared: Declared) -> Option<Shared<S>> {
        match &mut self.mode {
            Mode::Declare(all) => {
                all.push(declared);
                None
            }
            Mode::Open(opening) => {
                let name = declared.spec.name;
                let store = (opening.by_name)(&name).downcast::<RefCell<TypedStore<S::Key, S::Value>>>();
                let wrong = |_| panic!("store {name:?} is opened with other types than it has");
                Some(store.unwrap_or_else(wrong))
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
