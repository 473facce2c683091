//! The aggregations by key that combine before the shuffle.

use std::sync::Arc;

use crate::data::Data;
use crate::dsl::KTable;
use crate::dsl::grouped::{AGGREGATE, REDUCE};
use crate::store::KeyValueStore;
use crate::topology::Changes;

use super::PreAggregated;
use super::node::How;

impl<K: Data, V: Data> PreAggregated<K, V> {
    /// Counts the records of each key, as [`KGroupedStream::count`](crate::KGroupedStream::count).
    pub fn count(&self, store: impl Into<KeyValueStore<K::Present, i64>>) -> KTable<K::Present, i64> {
        let store = store.into();
        if !self.grouped.is_shuffled() {
            return self.grouped.count(store);
        }
        let how = How {
            take: V::into_present,
            combine: |_: &K::Present, _: V::Present, count: Option<i64>| count.unwrap_or(0) + 1,
            windows: None,
            changes: Changes::Values,
        };
        let graph = &mut *self.grouped.graph().borrow_mut();
        let place = self.place(graph, (AGGREGATE, store.name(), true), how);
        let merge = |_: &K::Present, partial: i64, count: Option<i64>| Some(count.unwrap_or(0) + partial);
        self.grouped.table::<i64, i64>(graph, place, store, merge)
    }

    /// Combines the values of each key, as [`KGroupedStream::reduce`](crate::KGroupedStream::reduce); `combine` must be
    /// associative: it is given what others have combined, too.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const READINGS: Topic<String, i64> = Topic::new("readings");
    /// const MAXIMA: Topic<String, i64> = Topic::new("maxima");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_house = builder.stream(READINGS).group_by(|sensor, _| sensor[..1].to_string());
    /// by_house.pre_aggregate().reduce("maxima", i64::max).to(MAXIMA);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(READINGS).send("a-attic", 31)?;
    /// driver.input(READINGS).send("a-cellar", 12)?;
    /// assert_eq!(driver.output(MAXIMA).drain(), [record("a", 31), record("a", 31)]);
    /// # Ok(()) }
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<KeyValueStore<K::Present, V::Present>>,
        combine: impl Fn(V::Present, V::Present) -> V::Present + Send + Sync + 'static,
    ) -> KTable<K::Present, V::Present> {
        let store = store.into();
        if !self.grouped.is_shuffled() {
            return self.grouped.reduce(store, combine);
        }
        let merge = Arc::new(combine);
        let combine = Arc::clone(&merge);
        let how = How {
            take: V::into_present,
            combine: move |_: &K::Present, value: V::Present, sofar: Option<V::Present>| match sofar {
                Some(sofar) => combine(sofar, value),
                None => value,
            },
            windows: None,
            changes: Changes::Nothing,
        };
        let graph = &mut *self.grouped.graph().borrow_mut();
        let place = self.place(graph, (REDUCE, store.name(), false), how);
        let merge = move |_: &K::Present, partial, sofar| match sofar {
            Some(sofar) => Some(merge(sofar, partial)),
            None => Some(partial),
        };
        self.grouped.table::<V::Present, V::Present>(graph, place, store, merge)
    }

    /// Folds the values of each key, as [`KGroupedStream::aggregate`](crate::KGroupedStream::aggregate). `merge` adds what was
    /// folded elsewhere, later, to an aggregate, so that folding some records and merging is as good as folding them all; an
    /// aggregate is never missing.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const LETTERS: Topic<String, i64> = Topic::new("letters");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(IN)
    ///     .group_by(|_, word| word[..1].to_string())
    ///     .pre_aggregate()
    ///     .aggregate(
    ///         "letters",
    ///         || 0_i64,
    ///         |_initial, word, letters| *letters += word.len() as i64,
    ///         |_initial, more, letters| *letters += more,
    ///     )
    ///     .to(LETTERS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("1", "white")?;
    /// driver.input(IN).send("2", "whale")?;
    /// assert_eq!(driver.output(LETTERS).drain(), [record("w", 5), record("w", 10)]);
    /// # Ok(()) }
    /// ```
    pub fn aggregate<A: Data<Present = A>>(
        &self,
        store: impl Into<KeyValueStore<K::Present, A>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K::Present, V::Present, &mut A) + Send + Sync + 'static,
        merge: impl Fn(&K::Present, A, &mut A) + Send + Sync + 'static,
    ) -> KTable<K::Present, A> {
        let store = store.into();
        if !self.grouped.is_shuffled() {
            return self.grouped.aggregate(store, initial, fold);
        }
        let how = How {
            take: V::into_present,
            combine: folding::<K::Present, V::Present, A>(initial, fold),
            windows: None,
            changes: Changes::Values,
        };
        let graph = &mut *self.grouped.graph().borrow_mut();
        let place = self.place(graph, (AGGREGATE, store.name(), false), how);
        self.grouped.table::<A, A>(graph, place, store, merging(merge))
    }
}

/// Folds a value into a partial.
pub(super) fn folding<K, T, A>(
    initial: impl Fn() -> A + Send + Sync + 'static,
    fold: impl Fn(&K, T, &mut A) + Send + Sync + 'static,
) -> impl Fn(&K, T, Option<A>) -> A + Send + Sync + 'static {
    move |key, value, sofar| {
        let mut partial = sofar.unwrap_or_else(&initial);
        fold(key, value, &mut partial);
        partial
    }
}

/// Adds a partial to an aggregate; the first is the aggregate.
pub(super) fn merging<K, A>(
    merge: impl Fn(&K, A, &mut A) + Send + Sync + 'static,
) -> impl Fn(&K, A, Option<A>) -> Option<A> + Send + Sync + 'static {
    move |key, partial, sofar| {
        let Some(mut sofar) = sofar else { return Some(partial) };
        merge(key, partial, &mut sofar);
        Some(sofar)
    }
}
