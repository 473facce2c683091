//! The node of an outlet in a task.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::{OpenOutlet, Opener, Outlet, OutletCounts, Place};
use crate::dsl::Element;
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{NodeId, ProcessorFactory};

/// An outlet as its task sees it, whatever it takes.
pub(crate) trait Drain {
    fn has_room(&self) -> Result<bool, ProcessError>;
    /// As [`OpenOutlet::settle`]; what was refused is decided on, and its dead letters are sent.
    fn settle(&self, cx: &mut Context<'_>) -> Result<bool, ProcessError>;
    fn counts(&self) -> OutletCounts;
}

/// Makes the node of a task: the outlet, or what a test has in its place.
pub(crate) fn factory<K: Element, V: Element>(outlet: Arc<dyn Outlet<K, V>>) -> ProcessorFactory {
    Arc::new(move |assembly: &mut Assembly<'_>, node| {
        let name = assembly.name(node).to_owned();
        if let Some(captured) = assembly.captured() {
            return erase(Capture { node, records: captured.of::<K, V>(&name) });
        }
        let made = Rc::new(OutletNode {
            node,
            name,
            outlet: Arc::clone(&outlet),
            is_repeatable: assembly.is_repeatable(node),
            open: RefCell::new(None),
            topics: RefCell::default(),
            last: Cell::default(),
        });
        assembly.drains(node, Rc::clone(&made) as Rc<dyn Drain>);
        erase::<K, V>(made)
    })
}

struct OutletNode<K: 'static, V: 'static> {
    node: NodeId,
    name: String,
    outlet: Arc<dyn Outlet<K, V>>,
    /// See [`Place::is_repeatable`].
    is_repeatable: bool,
    /// `None` before the first record. Nothing that it calls comes back here, so it is never borrowed twice.
    open: RefCell<Option<Box<dyn OpenOutlet<K, V>>>>,
    /// The names of the task's topics in the cluster, by input.
    topics: RefCell<BTreeMap<usize, Arc<str>>>,
    /// The input and offset that the last record was made of, in which attempt, and how many were.
    last: Cell<Option<(usize, i64, u32, u32)>>,
}

impl<K: 'static, V: 'static> OutletNode<K, V> {
    /// Where the record comes from that is just being processed.
    fn place(&self, cx: &Context<'_>) -> Option<Place> {
        let state = &*cx.state;
        let (input, offset, attempt) = (state.input?, state.offset, state.errors.attempt);
        let nth = match self.last.get() {
            Some((of, at, tried, nth)) if (of, at, tried) == (input, offset, attempt) => nth + 1,
            _ => 0,
        };
        self.last.set(Some((input, offset, attempt, nth)));
        let mut topics = self.topics.borrow_mut();
        let topic = match topics.entry(input) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => Arc::clone(new.insert(state.errors.shown(state.topics.get(input)?).into())),
        };
        Some(Place {
            topic,
            partition: state.task.partition,
            offset,
            nth,
            is_repeatable: self.is_repeatable,
            input: u16::try_from(input).ok()?,
        })
    }
}

impl<K, V> Downstream<K, V> for Rc<OutletNode<K, V>> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        cx.state.counts.sent(record.timestamp);
        let from = self.place(cx);
        let mut open = self.open.borrow_mut();
        let open = open.get_or_insert_with(|| {
            let application_id = cx.state.errors.application_id();
            self.outlet.open(Opener { application_id, node: self.name.clone(), task: cx.state.task })
        });
        open.take(record, from)
    }
}

impl<K, V> Drain for OutletNode<K, V> {
    fn has_room(&self) -> Result<bool, ProcessError> {
        self.open.borrow_mut().as_mut().map_or(Ok(true), |open| open.has_room())
    }

    fn settle(&self, cx: &mut Context<'_>) -> Result<bool, ProcessError> {
        let mut open = self.open.borrow_mut();
        let Some(open) = &mut *open else { return Ok(true) };
        let settled = open.settle();
        // What was refused before the outlet failed is told all the same.
        for refused in open.take_refused() {
            cx.refuse(&refused)?;
        }
        settled
    }

    fn counts(&self) -> OutletCounts {
        self.open.borrow().as_ref().map_or_else(OutletCounts::default, |open| open.counts())
    }
}

/// The records that a test has in place of outlets, by the name of the node: a `VecDeque<Record<K, V>>` that all tasks share.
#[derive(Debug, Default)]
pub struct Captured(BTreeMap<String, Rc<dyn Any>>);

/// What came to an outlet in a test.
pub(crate) type CapturedRecords<K, V> = Rc<RefCell<VecDeque<Record<K, V>>>>;

impl Captured {
    /// Those of a node that takes these types.
    pub(crate) fn of<K: 'static, V: 'static>(&mut self, node: &str) -> CapturedRecords<K, V> {
        if let Some(known) = self.get(node) {
            return known;
        }
        let records = CapturedRecords::<K, V>::default();
        self.0.insert(node.to_owned(), Rc::clone(&records) as Rc<dyn Any>);
        records
    }

    /// The same, of a node that there is.
    pub(crate) fn get<K: 'static, V: 'static>(&self, node: &str) -> Option<CapturedRecords<K, V>> {
        let known = Rc::clone(self.0.get(node)?);
        known.downcast::<RefCell<VecDeque<Record<K, V>>>>().ok()
    }
}

struct Capture<K: 'static, V: 'static> {
    node: NodeId,
    records: CapturedRecords<K, V>,
}

impl<K, V> Downstream<K, V> for Capture<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        cx.state.counts.sent(record.timestamp);
        self.records.borrow_mut().push_back(record);
        Ok(())
    }
}
