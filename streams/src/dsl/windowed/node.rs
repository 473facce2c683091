//! The node of every windowed aggregation (Kafka's `KStreamWindowAggregate`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::Element;
use crate::dsl::grouped::Update;
use crate::processing::{Attended, Punctuation};
use crate::processor::{Change, Context, Discard, Downstream, Headers, ProcessError, Record};
use crate::store::WindowStore;
use crate::store::typed::{self, TypedStore, tell, window_factory};
use crate::task::{Assembly, Flush, erase, pass};
use crate::topology::{Graph, NodeId, NodeKind, StoreSpec, Values};
use crate::window::{Emit, TimeWindows, Window, Windowed};

use super::closing::Closing;

/// How an aggregation cuts time, and what it tells of.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) windows: TimeWindows,
    pub(super) emit: Emit,
    pub(super) has_late: bool,
}

/// What was added to the graph.
pub(super) struct Added {
    pub(super) node: NodeId,
    /// The node that late records pass, if they are wanted.
    pub(super) late: Option<NodeId>,
}

pub(super) fn add<K, V, A, F>(
    graph: &mut Graph,
    name: String,
    parent: NodeId,
    Shape { windows, emit, has_late }: Shape,
    (store, store_name): (WindowStore<K::Present, A>, String),
    update: F,
) -> Added
where
    K: Data,
    V: Data,
    A: Element,
    F: Update<K::Present, V, A>,
{
    let update = Arc::new(update);
    let spec = store.spec(store_name, &windows);
    report_mistakes(graph, &windows, &spec);
    let store = graph.add_store(spec, window_factory(store));
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        // Made right after the node, so before whatever else stands below it.
        let late = assembly.children(id).first().copied().filter(|_| has_late);
        let node = Rc::new(WindowAggregate {
            node: id,
            windows,
            stream_time: Cell::new(-1),
            closing: emit.is_on_close().then(|| Closing::new(windows, emit.silence())),
            update: Arc::clone(&update),
            store: assembly.table::<Windowed<K::Present>, A>(id, store),
            below: assembly.downstream_without(id, late),
            late: late.map(|late| assembly.child::<K::Present, V>(late)),
        });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        if emit.is_on_close() {
            assembly.attends(id, Rc::clone(&node) as Rc<dyn Attended>);
        }
        erase::<K, V>(node)
    });
    let late_name = format!("{name}-late");
    let node = graph.add(name, NodeKind::Processor { factory }, &[parent]);
    graph.add_values(node, Values::Stored(store));
    let late = has_late.then(|| {
        let factory = pass::<K::Present, V>();
        graph.add(late_name, NodeKind::Processor { factory }, &[node])
    });
    Added { node, late }
}

/// What neither the types nor a `const fn` could refuse.
fn report_mistakes(graph: &mut Graph, windows: &TimeWindows, spec: &StoreSpec) {
    if let Some(mistake) = windows.mistake() {
        graph.report_windows(mistake);
    }
    let (needed, kept) = (windows.lifetime_ms(), spec.windows.map_or(0, |windows| windows.retention_ms));
    if kept < needed {
        graph.report_windows(format!(
            "store {:?} keeps windows for {kept} ms, but their size and grace are {needed} ms: give it a longer retention",
            spec.name
        ));
    }
}

struct WindowAggregate<K: 'static, V, A: 'static, F> {
    node: NodeId,
    windows: TimeWindows,
    /// The latest event time that this node has seen (ms); `-1` before the first.
    stream_time: Cell<i64>,
    /// What has been told of, if windows are told of when they close.
    closing: Option<Closing>,
    update: Arc<F>,
    store: Rc<RefCell<TypedStore<Windowed<K>, A>>>,
    below: Rc<dyn Downstream<Windowed<K>, Change<A>>>,
    /// Who wants records whose windows are all closed.
    late: Option<Rc<dyn Downstream<K, V>>>,
}

impl<K: Element, V: Element, A: Element, F: Update<K, V, A>> WindowAggregate<K, V, A, F> {
    /// Windows that end by this time (ms) take no more records.
    fn closed_until(&self) -> i64 {
        let on_stream_time = self.stream_time.get() - self.windows.grace_ms();
        self.closing.as_ref().map_or(on_stream_time, |closing| on_stream_time.max(closing.closed()))
    }

    /// Brings a record to those of its windows that are open.
    fn update_windows(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let Record { key, value, timestamp, headers } = record;
        let closed_until = self.closed_until();
        let mut windowed = Windowed::new(key, Window::of_size(0, 0));
        let mut windows = self.windows.of_time(timestamp).peekable();
        let mut value = Some(value);
        while let Some(window) = windows.next() {
            if window.end <= closed_until {
                cx.drop_record();
                continue;
            }
            let brought = if windows.peek().is_some() { value.clone() } else { value.take() };
            windowed.window = window;
            if let Some(value) = brought {
                self.update(&windowed, value, timestamp, &headers, cx)?;
            }
        }
        Ok(())
    }

    fn update(
        &self,
        windowed: &Windowed<K>,
        value: V,
        timestamp: i64,
        headers: &Headers,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        cx.return_to(self.node);
        let mut store = self.store.borrow_mut();
        let index = store.load(windowed)?;
        let (entry, latest) = store.update(index, cx, |old, before| {
            let latest = if old.is_some() { timestamp.max(before) } else { timestamp };
            ((self.update)(&windowed.key, value, old), latest)
        });
        // A removed aggregate has no time of its own any more: it goes at the time of the record that removed it.
        entry.timestamp = if entry.value.is_some() { latest } else { timestamp };
        entry.headers.clone_from(headers);
        if self.closing.is_some() {
            return Ok(());
        }
        tell(store, index, latest, &*self.below, cx)
    }

    /// Counts a record that comes when all its windows are closed, and hands it to whoever wants it.
    fn turn_away(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        self.windows.of_time(record.timestamp).for_each(|_| cx.drop_record());
        self.late.as_ref().map_or(Ok(()), |late| late.process(record, cx))
    }

    /// Tells of the windows that have closed, if that is what is asked for.
    fn tell_of_closed(&self, headers: &Headers, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        match &self.closing {
            Some(closing) => closing.tell(self.closed_until(), &self.store, headers, &*self.below, cx),
            None => Ok(()),
        }
    }
}

impl<K, V, A, F> Downstream<K, V> for Rc<WindowAggregate<K::Present, V, A, F>>
where
    K: Data,
    V: Data,
    A: Element,
    F: Update<K::Present, V, A>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let Some(key) = key.into_present() else {
            cx.drop_record();
            return Ok(());
        };
        self.stream_time.set(self.stream_time.get().max(timestamp));
        if let Some(closing) = &self.closing {
            closing.hear(cx.state.wall_clock);
        }
        let record = Record { key, value, timestamp, headers };
        if self.windows.last_end(timestamp) <= self.closed_until() {
            return self.turn_away(record, cx);
        }
        let headers = record.headers.clone();
        self.update_windows(record, cx)?;
        self.tell_of_closed(&headers, cx)
    }
}

impl<K: Element, V: Element, A: Element, F: Update<K, V, A>> Flush for WindowAggregate<K, V, A, F> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        match &self.closing {
            Some(_) => typed::flush(&self.store, self.node, &Discard, cx),
            None => typed::flush(&self.store, self.node, &*self.below, cx),
        }
    }
}

impl<K: Element, V: Element, A: Element, F: Update<K, V, A>> Attended for WindowAggregate<K, V, A, F> {
    fn init(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        if let Some(closing) = &self.closing {
            if let Some(closed_until) = cx.noted(self.store.borrow().name()) {
                closing.resume(closed_until);
            }
            closing.listen(self.node, cx);
        }
        Ok(())
    }

    fn punctuate(&self, at: Punctuation, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let silent = self.closing.as_ref().is_some_and(|closing| closing.fell_silent(at.time));
        if silent { self.tell_of_closed(&Headers::default(), cx) } else { Ok(()) }
    }

    fn close(&self) {}
}
