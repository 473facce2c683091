//! The aggregations by window that combine before the shuffle.

use std::sync::Arc;

use crate::data::Data;
use crate::dsl::grouped::{AGGREGATE, Prefixes, REDUCE, Update};
use crate::dsl::windowed::{self, Late, Windowing};
use crate::dsl::{KStream, KTable};
use crate::store::WindowStore;
use crate::topology::Changes;
use crate::window::{Emit, TimeWindows, Windowed};

use super::PreAggregated;
use super::late::{LateOf, NoLate, WithLate};
use super::node::{Combine, How, Windows};
use super::tables::{folding, merging};

/// A grouping by key and by window whose records are combined before they are shuffled. `L` says what becomes of what is late.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct PreAggregatedWindows<K, V, L = NoLate> {
    combined: PreAggregated<K, V>,
    windows: TimeWindows,
    emit: Emit,
    late: L,
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
        PreAggregatedWindows { combined: self, windows, emit: Emit::OnUpdate, late: NoLate }
    }
}

impl<K: Data, V: Data> PreAggregatedWindows<K, V> {
    /// Takes what is late, as [`TimeWindowedKStream::late`](crate::TimeWindowedKStream::late) does, but combined, since that is
    /// what comes to the aggregation: records of one key that belong to the same windows, all of them closed, as the aggregate of
    /// them alone. It goes at the latest of their times, with the headers of the last. What is late of a key and its windows, added
    /// up, is what is added up of the late records without combining; how many pieces it comes in depends on commits. Whoever needs
    /// the records themselves does not combine.
    ///
    /// The type of what is late is that of the aggregate, so all aggregations of the grouping are of one type then. The first of
    /// them gives it.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const HITS: Topic<String, String> = Topic::new("hits");
    /// const LATE: Topic<String, i64> = Topic::new("late-hits");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_path = builder.stream(HITS).group_by(|_, path| path.clone()).pre_aggregate();
    /// let minutes = by_path.windowed_by(TimeWindows::of(mins(1)));
    /// let _hits = minutes.late(|late| drop(late.to(LATE))).count("per-minute");
    ///
    /// let mut driver = TestDriver::builder(&builder.build()?).commits_by_hand().build()?;
    /// for at in [1_000, 60_000, 2_000, 3_000] {
    ///     driver.input(HITS).at(at).send("host", "/")?;
    /// }
    /// driver.commit()?;
    /// assert_eq!(driver.output(LATE).drain(), [record("/", 2).at(3_000)]);
    /// # Ok(()) }
    /// ```
    pub fn late<P: Data<Present = P>>(
        self,
        draw: impl FnOnce(KStream<K::Present, P>) + 'static,
    ) -> PreAggregatedWindows<K, V, WithLate<K::Present, P>> {
        let Self { combined, windows, emit, late: NoLate } = self;
        PreAggregatedWindows { combined, windows, emit, late: WithLate::new(draw) }
    }
}

impl<K: Data, V: Data, L> PreAggregatedWindows<K, V, L> {
    /// Says when the aggregation tells of a window, as [`TimeWindowedKStream::emit`](crate::TimeWindowedKStream::emit). Where windows close on the wall clock what is
    /// held is sent in time for that, four times in the silence that closes them.
    pub fn emit(mut self, emit: Emit) -> Self {
        self.emit = emit;
        self
    }

    /// Counts the records of each key in each window, as [`TimeWindowedKStream::count`](crate::TimeWindowedKStream::count).
    pub fn count(&self, store: impl Into<WindowStore<K::Present, i64>>) -> KTable<Windowed<K::Present>, i64>
    where
        L: LateOf<K::Present, i64>,
    {
        let count = |_: &K::Present, _: V, count: Option<i64>| count.unwrap_or(0) + 1;
        let merge = |_: &K::Present, partial: i64, count: Option<i64>| Some(count.unwrap_or(0) + partial);
        self.aggregated((AGGREGATE, true, Changes::Values), store.into(), count, merge)
    }

    /// Folds the values of each key in each window, as [`TimeWindowedKStream::aggregate`](crate::TimeWindowedKStream::aggregate); `merge` adds what was folded elsewhere
    /// to an aggregate, which is never missing.
    pub fn aggregate<A: Data<Present = A>>(
        &self,
        store: impl Into<WindowStore<K::Present, A>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K::Present, V, &mut A) + Send + Sync + 'static,
        merge: impl Fn(&K::Present, A, &mut A) + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, A>
    where
        L: LateOf<K::Present, A>,
    {
        let fold = folding::<K::Present, V, A>(initial, fold);
        self.aggregated((AGGREGATE, false, Changes::Values), store.into(), fold, merging(merge))
    }

    fn aggregated<P: Data<Present = P>>(
        &self,
        names: (Prefixes, bool, Changes),
        store: WindowStore<K::Present, P>,
        combine: impl Combine<K::Present, V, P>,
        merge: impl Update<K::Present, P, P>,
    ) -> KTable<Windowed<K::Present>, P>
    where
        L: LateOf<K::Present, P>,
    {
        let late = self.late.take();
        if !self.combined.grouped.is_shuffled() {
            return self.uncombined(names, store, combine, late);
        }
        let (prefixes, legacy_number, changes) = names;
        let Self { combined, windows, emit, .. } = self;
        let how_windows = Windows { windows: *windows, silence: emit.silence() };
        let how = How { take: Some, combine, windows: Some(how_windows), changes };
        let shared = combined.grouped.graph();
        let place = combined.place(&mut shared.borrow_mut(), (prefixes, store.name(), legacy_number), how);
        windowed::table::<K, P, P>(shared, place, (*windows, *emit), late, store, merge)
    }

    /// The same without combining, where nothing is shuffled. What is late is of the same type still.
    fn uncombined<P: Data<Present = P>>(
        &self,
        (prefixes, legacy_number, _): (Prefixes, bool, Changes),
        store: WindowStore<K::Present, P>,
        combine: impl Combine<K::Present, V, P>,
        late: Option<Late<K::Present, P>>,
    ) -> KTable<Windowed<K::Present>, P> {
        let combine = Arc::new(combine);
        let mut plain = self.windows.group(self.combined.grouped.clone()).emit(self.emit);
        if let Some(draw) = late {
            let alone = Arc::clone(&combine);
            let made = move |key: &K::Present, value: V| alone(key, value, None);
            plain = plain.late(move |late| draw(late.map_values_with_key(made)));
        }
        let update = move |key: &K::Present, value: V, sofar: Option<P>| Some(combine(key, value, sofar));
        plain.aggregated(prefixes, store, legacy_number, update)
    }
}

impl<K: Data, V: Data<Present = V>, L: LateOf<K::Present, V>> PreAggregatedWindows<K, V, L> {
    /// Combines the values of each key in each window, as [`TimeWindowedKStream::reduce`](crate::TimeWindowedKStream::reduce); `combine` must be associative. Values
    /// that may be missing are not combined: a missing one would remove what another task has.
    pub fn reduce(
        &self,
        store: impl Into<WindowStore<K::Present, V>>,
        combine: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, V> {
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
