//! Counting by window.

use crate::data::Data;
use crate::dsl::grouped::AGGREGATE;
use crate::dsl::{KTable, TimeWindowedKStream};
use crate::store::WindowStore;
use crate::window::Windowed;

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Counts the records of each key in each window. The store is named by a text, a constant, or
    /// [`WindowStore::generated`].
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const COUNTS: WindowStore<String, i64> = WindowStore::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _table = builder.stream(VIEWS).group_by_key().windowed_by(TimeWindows::of(mins(1))).count(COUNTS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VIEWS).at(1_000).send("/", "ada")?;
    /// driver.input(VIEWS).at(2_000).send("/", "bob")?;
    /// assert_eq!(driver.store(COUNTS)?.get("/", 0)?, Some(2));
    /// # Ok(()) }
    /// ```
    pub fn count(&self, store: impl Into<WindowStore<K::Present, i64>>) -> KTable<Windowed<K::Present>, i64> {
        self.aggregated(AGGREGATE, store.into(), true, |_, _, count| Some(count.unwrap_or(0) + 1))
    }
}
