//! What each customer has ordered: a table of orders grouped by customer, where an order that changes is taken out of the
//! total that it was in, and one that is cancelled goes out for good.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Order {
    /// Whose it is.
    pub customer: String,
    /// What it comes to, in cents.
    pub cents: i64,
}

/// Orders by their numbers; an order without a value is cancelled.
pub const ORDERS: Topic<String, Order> = Topic::new("orders");

/// Cents by customer.
pub const TOTALS: Topic<String, i64> = Topic::new("order-totals");

/// The same for queries.
pub const BY_CUSTOMER: KeyValueStore<String, i64> = KeyValueStore::new("totals-by-customer");

/// Sums [`ORDERS`] up into [`BY_CUSTOMER`] and [`TOTALS`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .table(ORDERS)
        .group_by(|_number, order| (order.customer.clone(), order.cents))
        .aggregate(
            BY_CUSTOMER,
            || 0,
            |_customer, cents, total| *total += cents,
            |_customer, cents, total| *total -= cents,
        )
        .to(TOTALS);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(customer: &str, cents: i64) -> Order {
        Order { customer: customer.to_owned(), cents }
    }

    #[test]
    fn totals_follow_orders_that_change_move_and_go() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        let total = |driver: &TestDriver, customer| driver.store(BY_CUSTOMER).unwrap().get(customer).unwrap();
        driver.input(ORDERS).send("1", order("ada", 500)).unwrap();
        driver.input(ORDERS).send("2", order("ada", 250)).unwrap();
        assert_eq!(total(&driver, "ada"), Some(750));
        driver.input(ORDERS).send("1", order("ada", 400)).unwrap();
        assert_eq!(total(&driver, "ada"), Some(650));
        driver.input(ORDERS).send("2", order("bob", 250)).unwrap();
        assert_eq!((total(&driver, "ada"), total(&driver, "bob")), (Some(400), Some(250)));
        driver.input(ORDERS).send_tombstone("1").unwrap();
        assert_eq!(total(&driver, "ada"), Some(0));
    }
}
