//! Combining values of one type by window.

use crate::data::Data;
use crate::dsl::grouped::REDUCE;
use crate::dsl::{KTable, TimeWindowedKStream};
use crate::store::WindowStore;
use crate::window::Windowed;

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Combines the values of each key in each window, two at a time: what they made so far and the next one. The first value
    /// stands as it is; one that is missing removes the window.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const TEMPERATURES: Topic<String, i64> = Topic::new("temperatures");
    /// const MAXIMA: Topic<Windowed<String>, i64> = Topic::windowed("maxima", hours(1));
    ///
    /// let builder = StreamsBuilder::new();
    /// let hourly = builder.stream(TEMPERATURES).group_by_key().windowed_by(TimeWindows::of(hours(1)));
    /// hourly.reduce("maxima", i64::max).to(MAXIMA);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(TEMPERATURES).at(5).send("attic", 31)?;
    /// driver.input(TEMPERATURES).at(7).send("attic", 29)?;
    /// let maxima = driver.output(MAXIMA).drain();
    /// assert_eq!(maxima[1], record(windowed("attic", 0..3_600_000), 31).at(7));
    /// # Ok(()) }
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<WindowStore<K::Present, V::Present>>,
        combine: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K::Present>, V::Present> {
        self.aggregated(
            REDUCE,
            store.into(),
            false,
            move |_, value: V, sofar: Option<V::Present>| match sofar
                .and_then(|sofar| V::from_present(Some(sofar)))
            {
                Some(sofar) => combine(sofar, value).into_present(),
                None => value.into_present(),
            },
        )
    }
}
