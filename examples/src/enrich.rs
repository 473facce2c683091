//! Orders with what is known of them: the customer from a table, partitioned like the orders, and the country's name from a
//! global table, whole in every process.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// What was ordered, by customer.
pub const ORDERS: Topic<String, String> = Topic::new("orders-by-customer");

/// Customers by their names; a table with as many partitions as [`ORDERS`].
pub const CUSTOMERS: Topic<String, Customer> = Topic::new("customers");

/// Names of countries by their codes; few, so that every process has them all.
pub const COUNTRIES: Topic<String, String> = Topic::new("countries");

/// Orders with all of it.
pub const ENRICHED: Topic<String, Enriched> = Topic::new("enriched-orders");

/// A customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Customer {
    /// Where the customer lives: a code.
    pub country: String,
}

/// An order and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Enriched {
    /// What was ordered.
    pub item: String,
    /// The code of the country; `None`: nobody knows the customer.
    pub code: Option<String>,
    /// The name of the country; `None`: nobody knows the code.
    pub country: Option<String>,
}

/// Joins [`ORDERS`] with [`CUSTOMERS`] and [`COUNTRIES`] into [`ENRICHED`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let customers = builder.table(CUSTOMERS);
    let countries = builder.global_table(COUNTRIES);
    builder
        .stream(ORDERS)
        .left_join_table(&customers, |item, customer| Enriched {
            item,
            code: customer.map(|customer| customer.country.clone()),
            country: None,
        })
        .left_join_global(
            &countries,
            |_name, order| order.code.clone().unwrap_or_default(),
            |order, country| Enriched { country: country.cloned(), ..order },
        )
        .to(ENRICHED);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_learns_of_its_customer_and_country_as_far_as_they_are_known() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        let order = |code: Option<&str>, country: Option<&str>| Enriched {
            item: "tea".to_owned(),
            code: code.map(str::to_owned),
            country: country.map(str::to_owned),
        };
        driver.input(COUNTRIES).send("gb", "Great Britain").unwrap();
        driver.input(CUSTOMERS).send("ada", Customer { country: "gb".to_owned() }).unwrap();
        driver.input(CUSTOMERS).send("bob", Customer { country: "xx".to_owned() }).unwrap();
        for name in ["ada", "bob", "cyd"] {
            driver.input(ORDERS).send(name, "tea").unwrap();
        }
        let enriched = driver.output(ENRICHED).drain();
        let expected = [
            record("ada", order(Some("gb"), Some("Great Britain"))),
            record("bob", order(Some("xx"), None)),
            record("cyd", order(None, None)),
        ];
        assert_eq!(enriched, expected);
    }
}
