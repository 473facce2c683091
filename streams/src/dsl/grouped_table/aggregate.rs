//! Combining values into something else.

use crate::data::Data;
use crate::dsl::{KGroupedTable, KTable};
use crate::processor::Change;
use crate::store::KeyValueStore;

use super::node::Since;

impl<K: Data<Present = K>, V: Data<Present = V>> KGroupedTable<K, V> {
    /// Combines the values of each group into an aggregate: `add` puts a value in, `subtract` takes one out again. When an
    /// entry changes within its group the old value is subtracted before the new one is added, in one update.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const ORDERS: Topic<i64, String> = Topic::new("orders"); // "customer amount"
    /// const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_customer = builder.table(ORDERS).group_by(|_, order| {
    ///     let (customer, amount) = order.split_once(' ').unwrap_or((order, "0"));
    ///     (customer.to_string(), amount.parse::<i64>().unwrap_or(0))
    /// });
    /// let _totals = by_customer.aggregate(
    ///     TOTALS,
    ///     || 0,
    ///     |_customer, amount, total| *total += amount,
    ///     |_customer, amount, total| *total -= amount,
    /// );
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(ORDERS).send(1, "ada 30")?;
    /// driver.input(ORDERS).send(2, "ada 12")?;
    /// driver.input(ORDERS).send(1, "ada 40")?; // order 1 is changed
    /// assert_eq!(driver.store(TOTALS)?.get("ada")?, Some(52));
    /// # Ok(()) }
    /// ```
    ///
    /// An aggregate of type `Option<A>` that becomes `None` is removed.
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<KeyValueStore<K, A::Present>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&K, V, &mut A) + Send + Sync + 'static,
        subtract: impl Fn(&K, V, &mut A) + Send + Sync + 'static,
    ) -> KTable<K, A::Present> {
        self.aggregated("KTABLE-AGGREGATE-", store.into(), move |key, change: Change<V>, sofar| {
            let Change { new, old } = change;
            let since = match sofar {
                Some(_) if old.is_some() || new.is_some() => Since::Later,
                Some(_) | None => Since::Record,
            };
            let mut aggregate = sofar.and_then(|sofar| A::from_present(Some(sofar)));
            if let (Some(old), Some(aggregate)) = (old, &mut aggregate) {
                subtract(key, old, aggregate);
            }
            let Some(new) = new else { return (aggregate.and_then(A::into_present), since) };
            let mut aggregate = aggregate.filter(|rest| !rest.is_null()).unwrap_or_else(&initial);
            add(key, new, &mut aggregate);
            (aggregate.into_present(), since)
        })
    }
}
