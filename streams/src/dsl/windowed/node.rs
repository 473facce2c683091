//! The node of every windowed aggregation (Kafka's `KStreamWindowAggregate`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::Element;
use crate::dsl::grouped::Update;
use crate::processor::{Change, Context, Downstream, Headers, ProcessError, Record};
use crate::store::WindowStore;
use crate::store::typed::{self, TypedStore, window_factory};
use crate::task::{Assembly, Flush, erase};
use crate::topology::{Graph, NodeId, NodeKind, StoreSpec, Values};
use crate::window::{TimeWindows, Window, Windowed};

pub(super) fn add<K, V, A, F>(
    graph: &mut Graph,
    name: String,
    parent: NodeId,
    windows: TimeWindows,
    (store, store_name): (WindowStore<K::Present, A>, String),
    update: F,
) -> NodeId
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
        let node = Rc::new(WindowAggregate {
            node: id,
            windows,
            stream_time: Cell::new(-1),
            update: Arc::clone(&update),
            store: assembly.table::<Windowed<K::Present>, A>(id, store),
            below: assembly.downstream(id),
        });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        erase::<K, V>(node)
    });
    let node = graph.add(name, NodeKind::Processor { factory }, &[parent]);
    graph.add_values(node, Values::Stored(store));
    node
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

struct WindowAggregate<K: 'static, A: 'static, F> {
    node: NodeId,
    windows: TimeWindows,
    /// The latest event time that this node has seen (ms); `-1` before the first.
    stream_time: Cell<i64>,
    update: Arc<F>,
    store: Rc<RefCell<TypedStore<Windowed<K>, A>>>,
    below: Rc<dyn Downstream<Windowed<K>, Change<A>>>,
}

/// What a record brings to each of its windows.
#[derive(Clone)]
struct Arrival<V> {
    value: V,
    timestamp: i64,
    headers: Headers,
}

impl<K: Element, A: Element, F> WindowAggregate<K, A, F> {
    /// Windows that end by this time (ms) take no more records.
    fn closed_until(&self) -> i64 {
        self.stream_time.get() - self.windows.grace_ms()
    }

    fn update<V>(
        &self,
        windowed: &Windowed<K>,
        arrival: Arrival<V>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError>
    where
        F: Update<K, V, A>,
    {
        let Arrival { value, timestamp, headers } = arrival;
        let mut store = self.store.borrow_mut();
        let index = store.load(windowed)?;
        let entry = store.modify(index);
        let old = entry.value.take();
        let latest = if old.is_some() { timestamp.max(entry.timestamp) } else { timestamp };
        entry.value = (self.update)(&windowed.key, value, old);
        // A removed aggregate has no time of its own any more: it goes at the time of the record that removed it.
        entry.timestamp = if entry.value.is_some() { latest } else { timestamp };
        entry.headers = headers;
        if store.is_cached() {
            return Ok(());
        }
        let change = store.change(index).at(latest);
        drop(store);
        self.below.process(change, cx)
    }
}

impl<K, V, A, F> Downstream<K, V> for Rc<WindowAggregate<K::Present, A, F>>
where
    K: Data,
    V: Data,
    A: Element,
    F: Update<K::Present, V, A>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let Record { key, value, timestamp, headers } = record;
        let Some(key) = key.into_present() else {
            cx.drop_record();
            return Ok(());
        };
        cx.enter(self.node);
        self.stream_time.set(self.stream_time.get().max(timestamp));
        let closed_until = self.closed_until();
        let mut windowed = Windowed::new(key, Window::of_size(0, 0));
        let mut windows = self.windows.of_time(timestamp).peekable();
        let mut arrival = Some(Arrival { value, timestamp, headers });
        while let Some(window) = windows.next() {
            let arrived = if windows.peek().is_some() { arrival.clone() } else { arrival.take() };
            let Some(arrived) = arrived.filter(|_| window.end > closed_until) else {
                cx.drop_record();
                continue;
            };
            windowed.window = window;
            self.update(&windowed, arrived, cx)?;
        }
        Ok(())
    }
}

impl<K: Element, A: Element, F> Flush for WindowAggregate<K, A, F> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        typed::flush(&self.store, self.node, &*self.below, cx)
    }
}
