//! Windowed groupings: what windowed aggregations start from.

mod aggregate;
mod count;
mod node;
mod reduce;

use crate::data::Data;
use crate::store::WindowStore;
use crate::window::{TimeWindows, Windowed};

use super::grouped::{Place, Prefixes, Update};
use super::{KGroupedStream, KTable};

/// A grouping by key and by window of event time. `count`, `reduce` and `aggregate` make tables of it, whose keys are
/// [`Windowed`].
///
/// A window takes records until stream time, the latest time that its node has seen, reaches its end and the grace. What
/// comes later is dropped and counted. Unlike other groupings a windowed one lets records without a value take part, as
/// Kafka's does.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct TimeWindowedKStream<K, V> {
    grouped: KGroupedStream<K, V>,
    windows: TimeWindows,
}

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
        TimeWindowedKStream { grouped, windows: self }
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
    fn aggregated<A: Data<Present = A>>(
        &self,
        prefixes: Prefixes,
        store: WindowStore<K::Present, A>,
        legacy_number: bool,
        update: impl Update<K::Present, V, A>,
    ) -> KTable<Windowed<K::Present>, A> {
        let graph = &mut *self.grouped.graph().borrow_mut();
        let Place { name, store_name, parent } =
            self.grouped.place(graph, prefixes, store.name(), legacy_number);
        let node = node::add::<K, V, A, _>(graph, name, parent, self.windows, (store, store_name), update);
        KTable::new(self.grouped.graph().clone(), node)
    }
}
