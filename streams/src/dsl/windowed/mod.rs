//! Windowed groupings: what windowed aggregations start from.

mod aggregate;
mod closing;
mod count;
mod node;
mod reduce;

use std::cell::RefCell;

use crate::data::Data;
use crate::store::WindowStore;
use crate::window::{Emit, TimeWindows, Windowed};

use super::grouped::{Place, Prefixes, Update};
use super::{KGroupedStream, KStream, KTable, SharedGraph};
use node::Shape;

/// A grouping by key and by window of event time. `count`, `reduce` and `aggregate` make tables of it, whose keys are
/// [`Windowed`].
///
/// A window takes records until stream time, the latest time that its node has seen, reaches its end and the grace. What
/// comes later is dropped and counted. Unlike other groupings a windowed one lets records without a value take part, as
/// Kafka's does.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct TimeWindowedKStream<K: Data, V> {
    grouped: KGroupedStream<K, V>,
    windows: TimeWindows,
    emit: Emit,
    /// What takes the late records, until there is an aggregation to take them from.
    late: RefCell<Option<Late<K::Present, V>>>,
}

/// Draws what becomes of what is late.
pub(super) type Late<K, V> = Box<dyn FnOnce(KStream<K, V>)>;

/// A kind of windows, and the grouping that it makes.
pub trait Windowing: sealed::Sealed {
    /// The grouping.
    type Grouped<K: Data, V: Data>;

    #[doc(hidden)]
    fn group<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Grouped<K, V>;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for TimeWindows {}

impl Windowing for TimeWindows {
    type Grouped<K: Data, V: Data> = TimeWindowedKStream<K, V>;

    fn group<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> TimeWindowedKStream<K, V> {
        TimeWindowedKStream { grouped, windows: self, emit: Emit::OnUpdate, late: RefCell::new(None) }
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Groups by window of event time too.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::windowed("per-minute", mins(1));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = TimeWindows::of(mins(1)).grace(secs(10));
    /// builder.stream(VIEWS).group_by_key().windowed_by(minutes).count("views").to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VIEWS).at(59_000).send("/", "ada")?;
    /// driver.input(VIEWS).at(61_000).send("/", "bob")?;
    /// driver.input(VIEWS).at(58_000).send("/", "cyd")?; // late, but within the grace
    /// let views = driver.output(PER_MINUTE).drain();
    /// assert_eq!(views[0], record(windowed("/", 0..60_000), 1).at(59_000));
    /// assert_eq!(views[1], record(windowed("/", 60_000..120_000), 1).at(61_000));
    /// assert_eq!(views[2], record(windowed("/", 0..60_000), 2).at(59_000));
    /// # Ok(()) }
    /// ```
    pub fn windowed_by<W: Windowing>(&self, windows: W) -> W::Grouped<K, V> {
        windows.group(self.clone())
    }
}

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Says when the aggregation tells of a window.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::windowed("per-minute", mins(1));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = TimeWindows::of(mins(1)).grace(secs(10));
    /// let views = builder.stream(VIEWS).group_by_key().windowed_by(minutes);
    /// views.emit(Emit::OnCloseOrSilence(secs(5))).count("views").to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VIEWS).at(1_000).send("/", "ada")?;
    /// driver.input(VIEWS).at(2_000).send("/", "bob")?;
    /// assert!(driver.output(PER_MINUTE).is_empty());
    /// driver.input(VIEWS).at(70_000).send("/", "cyd")?; // the first minute and its grace are over
    /// assert_eq!(driver.output(PER_MINUTE).drain(), [record(windowed("/", 0..60_000), 2).at(2_000)]);
    /// driver.advance_wall_clock(mins(3))?; // nobody comes any more
    /// assert_eq!(driver.output(PER_MINUTE).drain(), [record(windowed("/", 60_000..120_000), 1).at(70_000)]);
    /// # Ok(()) }
    /// ```
    pub fn emit(mut self, emit: Emit) -> Self {
        self.emit = emit;
        self
    }

    /// Takes the late records, those that come when all their windows are closed. They are counted as dropped all the same.
    /// The first aggregation of the grouping gives them.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const LATE: Topic<String, String> = Topic::new("late");
    ///
    /// let builder = StreamsBuilder::new();
    /// let views = builder.stream(VIEWS).group_by_key().windowed_by(TimeWindows::of(mins(1)));
    /// let _counts = views.late(|late| drop(late.to(LATE))).count("views");
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VIEWS).at(60_000).send("/", "ada")?;
    /// driver.input(VIEWS).at(59_999).send("/", "bob")?;
    /// assert_eq!(driver.output(LATE).drain(), [record("/", "bob").at(59_999)]);
    /// # Ok(()) }
    /// ```
    pub fn late(self, draw: impl FnOnce(KStream<K::Present, V>) + 'static) -> Self {
        *self.late.borrow_mut() = Some(Box::new(draw));
        self
    }

    pub(super) fn aggregated<A: Data<Present = A>>(
        &self,
        prefixes: Prefixes,
        store: WindowStore<K::Present, A>,
        legacy_number: bool,
        update: impl Update<K::Present, V, A>,
    ) -> KTable<Windowed<K::Present>, A> {
        let shared = self.grouped.graph();
        let place = self.grouped.place(&mut shared.borrow_mut(), prefixes, store.name(), legacy_number);
        let time = (self.windows, self.emit);
        table::<K, V, A>(shared, place, time, self.late.take(), store, update)
    }
}

/// Adds a windowed aggregation of records whose values are `V`, and what becomes of those that are late.
pub(super) fn table<K: Data, V: Data, A: Data<Present = A>>(
    shared: &SharedGraph,
    Place { name, store_name, parent }: Place,
    (windows, emit): (TimeWindows, Emit),
    late: Option<Late<K::Present, V>>,
    store: WindowStore<K::Present, A>,
    update: impl Update<K::Present, V, A>,
) -> KTable<Windowed<K::Present>, A> {
    let shape = Shape { windows, emit, has_late: late.is_some() };
    let store = (store, store_name);
    let added = node::add::<K, V, A, _>(&mut shared.borrow_mut(), name, parent, shape, store, update);
    if let (Some(draw), Some(node)) = (late, added.late) {
        draw(KStream::new(shared.clone(), node, false));
    }
    KTable::new(shared.clone(), added.node)
}
