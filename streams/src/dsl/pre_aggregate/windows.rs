//! The aggregations by window that combine before the shuffle.

use std::sync::Arc;

use crate::data::Data;
use crate::dsl::grouped::{AGGREGATE, Prefixes, REDUCE, Update};
use crate::dsl::windowed::{self, Shape, Windowing};
use crate::dsl::{KTable, TimeWindowedKStream};
use crate::store::WindowStore;
use crate::topology::Changes;
use crate::window::{Emit, TimeWindows, Windowed};

use super::PreAggregated;
use super::node::{Combine, How, Windows};
use super::tables::{folding, merging};

/// A grouping by key and by window whose records are combined before they are shuffled.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct PreAggregatedWindows<K, V> {
    combined: PreAggregated<K, V>,
    windows: TimeWindows,
    emit: Emit,
}

impl<K: Data, V: Data> PreAggregated<K, V> {
    /// Groups by window of event time too, as [`KGroupedStream::windowed_by`](crate::KGroupedStream::windowed_by). Records are late
    /// exactly where they are without combining.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const HITS: Topic<String, String> = Topic::new("hits");
    /// const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_path = builder.stream(HITS).group_by(|_, path| path.clone()).pre_aggregate();
    /// let _hits = by_path.windowed_by(TimeWindows::of(mins(1)).grace(secs(10))).count(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::builder(&builder.build()?).commits_by_hand().build()?;
    /// for at in [1_000, 61_000, 2_000, 80_000, 3_000] {
    ///     driver.input(HITS).at(at).send("host", "/")?;
    /// }
    /// driver.commit()?;
    /// // The minute and its grace were over when the last one came.
    /// assert_eq!(driver.store(PER_MINUTE)?.get("/", 0)?, Some(2));
    /// assert_eq!(driver.store(PER_MINUTE)?.get("/", 60_000)?, Some(2));
    /// assert_eq!(driver.dropped_records(), 1);
    /// # Ok(()) }
    /// ```
    pub fn windowed_by(self, windows: TimeWindows) -> PreAggregatedWindows<K, V> {
        PreAggregatedWindows { combined: self, windows, emit: Emit::OnUpdate }
    }
}

impl<K: Data, V: Data> PreAggregatedWindows<K, V> {
    /// Says when the aggregation tells of a window, as [`TimeWindowedKStream::emit`]. Where windows close on the wall clock what is
    /// held is sent in time for that, four times in the silence that closes them.
    pub fn emit(mut self, emit: Emit) -> Self {
        self.emit = emit;
        self
    }

    /// Counts the records of each key in each window, as [`TimeWindowedKStream::count`].
    pub fn count(&self, store: impl Into<WindowStore<K::Present, i64>>) -> KTable<Windowed<K::Present>, i64> {
        if let Some(plain) = self.plain() {
            return plain.count(store);
        }
        let count = |_: &K::Present, _: V, count: Option<i64>| count.unwrap_or(0) + 1;
        let merge = |_: &K::Present, partial: i64, count: Option<i64>| Some(count.unwrap_or(0) + partial);
        self.aggregated((AGGREGATE, true, Changes::Values), store.into(), count, merge)
    }

    /// Folds the values of each key in each window, as [`TimeWindowedKStream::aggregate`]; `merge` adds what was folded elsewhere
    /// to an aggregate, which is never missing.
    pub fn aggregate<A: Data<Present = A>>(
        &self,
        store: impl Into<WindowStore<K::Present, A>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K::Present, V, &mut A) + Send + Sync + 'static,
        merge: impl Fn(&K::Present, A, &mut A) + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, A> {
        if let Some(plain) = self.plain() {
            return plain.aggregate(store, initial, fold);
        }
        let fold = folding::<K::Present, V, A>(initial, fold);
        self.aggregated((AGGREGATE, false, Changes::Values), store.into(), fold, merging(merge))
    }

    /// The grouping without combining, if nothing is shuffled.
    fn plain(&self) -> Option<TimeWindowedKStream<K, V>> {
        let grouped = &self.combined.grouped;
        (!grouped.is_shuffled()).then(|| self.windows.group(grouped.clone()).emit(self.emit))
    }

    fn aggregated<P: Data<Present = P>>(
        &self,
        (prefixes, legacy_number, changes): (Prefixes, bool, Changes),
        store: WindowStore<K::Present, P>,
        combine: impl Combine<K::Present, V, P>,
        merge: impl Update<K::Present, P, P>,
    ) -> KTable<Windowed<K::Present>, P> {
        let Self { combined, windows, emit } = self;
        let windows = *windows;
        let silence = emit.silence();
        let how = How { take: Some, combine, windows: Some(Windows { windows, silence }), changes };
        let shared = combined.grouped.graph();
        let place = combined.place(&mut shared.borrow_mut(), (prefixes, store.name(), legacy_number), how);
        let shape = Shape { windows, emit: *emit, has_late: false };
        windowed::table::<K, P, P>(shared, place, shape, store, merge).0
    }
}

impl<K: Data, V: Data<Present = V>> PreAggregatedWindows<K, V> {
    /// Combines the values of each key in each window, as [`TimeWindowedKStream::reduce`]; `combine` must be associative. Values
    /// that may be missing are not combined: a missing one would remove what another task has.
    pub fn reduce(
        &self,
        store: impl Into<WindowStore<K::Present, V>>,
        combine: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, V> {
        if let Some(plain) = self.plain() {
            return plain.reduce(store, combine);
        }
        let merge = Arc::new(combine);
        let combine = Arc::clone(&merge);
        let reduce = move |_: &K::Present, value: V, sofar: Option<V>| match sofar {
            Some(sofar) => combine(sofar, value),
            None => value,
        };
        let merge = move |_: &K::Present, partial: V, sofar: Option<V>| match sofar {
            Some(sofar) => Some(merge(sofar, partial)),
            None => Some(partial),
        };
        self.aggregated((REDUCE, false, Changes::Nothing), store.into(), reduce, merge)
    }
}
