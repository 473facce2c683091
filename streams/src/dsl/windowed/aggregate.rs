//! Combining values into something else by window.

use crate::data::Data;
use crate::dsl::grouped::AGGREGATE;
use crate::dsl::{KTable, TimeWindowedKStream};
use crate::store::WindowStore;
use crate::window::Windowed;

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Folds the values of each key in each window into an aggregate that starts as `initial` and is changed in place. An
    /// aggregate of type `Option<T>` that becomes `None` removes the window.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// const TURNOVER: Topic<Windowed<String>, i64> = Topic::windowed("turnover", mins(5));
    ///
    /// let builder = StreamsBuilder::new();
    /// let sliding = TimeWindows::of(mins(5)).advance_by(mins(1));
    /// builder
    ///     .stream(ORDERS)
    ///     .group_by_key()
    ///     .windowed_by(sliding)
    ///     .aggregate("turnover", || 0_i64, |_shop, cents, turnover| *turnover += cents)
    ///     .to(TURNOVER);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(ORDERS).at(61_000).send("shop", 500)?;
    /// let turnover = driver.output(TURNOVER).drain();
    /// assert_eq!(turnover[0], record(windowed("shop", 0..300_000), 500).at(61_000));
    /// assert_eq!(turnover[1], record(windowed("shop", 60_000..360_000), 500).at(61_000));
    /// # Ok(()) }
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<WindowStore<K::Present, A::Present>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K::Present, V, &mut A) + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, A::Present> {
        self.aggregated(AGGREGATE, store.into(), false, move |key, value, sofar: Option<A::Present>| {
            let known = sofar.and_then(|sofar| A::from_present(Some(sofar)));
            let mut aggregate = known.unwrap_or_else(&initial);
            fold(key, value, &mut aggregate);
            aggregate.into_present()
        })
    }
}
