//! From orders to an inventory: an order reserves what deliveries have brought, one beyond the stock goes to a topic of its own, and
//! what was decided of each is a row in Postgres, written by a Connect sink at the end of the topology. Everything may come twice,
//! from a sender that heard no answer or after a crash, and counts once.

use std::collections::BTreeMap;

use millstream::prelude::*;
use millstream_connect::SinkTo;
use millstream_connect::connectors::postgres::PostgresSink;
use serde::{Deserialize, Serialize};

/// An order or a delivery, as it is posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Posted {
    /// Its number: what comes again under the same one is the same.
    pub id: String,
    /// What is ordered or delivered.
    pub item: String,
    /// How much of it.
    pub pieces: u32,
}

/// What is known of an item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Shelf {
    /// Pieces by delivery.
    pub delivered: BTreeMap<String, u32>,
    /// Pieces that are reserved, by order; `None` for one that was beyond the stock.
    pub ordered: BTreeMap<String, Option<u32>>,
}

/// How much there is of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Stock {
    /// Pieces that deliveries have brought.
    pub delivered: u64,
    /// Pieces that orders have reserved.
    pub reserved: u64,
    /// Pieces that can still be ordered.
    pub left: u64,
}

/// What was decided of an order: a row of the table `decisions`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// What is ordered.
    pub item: String,
    /// How much of it.
    pub pieces: u32,
    /// Whether that is reserved.
    pub reserved: bool,
}

/// Orders by item.
pub const ORDERS: Topic<String, Posted> = Topic::new("orders");
/// Deliveries by item.
pub const DELIVERIES: Topic<String, Posted> = Topic::new("deliveries");
/// How much there is, by item.
pub const STOCK: Topic<String, Stock> = Topic::new("stock");
/// Orders of more than there was.
pub const BEYOND_STOCK: Topic<String, Posted> = Topic::new("orders-beyond-stock");
/// What is known, by item.
pub const INVENTORY: KeyValueStore<String, Shelf> = KeyValueStore::new("inventory");

impl Shelf {
    /// How much there is.
    #[must_use]
    pub fn stock(&self) -> Stock {
        let delivered = self.delivered.values().map(|pieces| u64::from(*pieces)).sum();
        let reserved = self.ordered.values().flatten().map(|pieces| u64::from(*pieces)).sum();
        Stock { delivered, reserved, left: u64::saturating_sub(delivered, reserved) }
    }

    /// Reserves what an order wants, if it is there; an order that was decided on stays so.
    fn reserve(&mut self, order: &Posted) -> bool {
        let fits = u64::from(order.pieces) <= self.stock().left;
        self.ordered.entry(order.id.clone()).or_insert(fits.then_some(order.pieces)).is_some()
    }
}

#[derive(Stores)]
struct Keeper {
    #[store(INVENTORY)]
    inventory: Open<KeyValueStore<String, Shelf>>,
}

#[derive(Clone)]
enum Movement {
    Delivery(Posted),
    Order(Posted),
}

impl FixedKeyProcessor<String, Movement> for Keeper {
    type Out = (Stock, Option<(Posted, bool)>);

    fn process(
        &mut self,
        moved: FixedKeyRecord<String, Movement>,
        cx: &mut FixedKeyContext<String, Self::Out>,
    ) -> Result<(), ProcessError> {
        let mut shelf = self.inventory.get(moved.key())?.unwrap_or_default();
        let decided = match moved.value() {
            Movement::Delivery(delivery) => {
                shelf.delivered.entry(delivery.id.clone()).or_insert(delivery.pieces);
                None
            }
            Movement::Order(order) => Some((order.clone(), shelf.reserve(order))),
        };
        let stock = shelf.stock();
        self.inventory.put(moved.key(), shelf)?;
        cx.forward(moved.with_value((stock, decided)));
        Ok(())
    }
}

/// Keeps [`INVENTORY`] and [`STOCK`] from [`ORDERS`] and [`DELIVERIES`], and tells Postgres what was decided.
///
/// # Errors
/// `postgres` is no address of a database.
pub fn topology(postgres: &str) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let deliveries = builder.stream(DELIVERIES).map_values(Movement::Delivery);
    let movements = builder.stream(ORDERS).map_values(Movement::Order).merge(&deliveries);
    let kept = movements.process_values(Keeper::open);
    kept.map_values(|(stock, _)| stock).to(STOCK);
    let decided = kept.flat_map_values(|(_, decided), out| out.extend(decided.clone()));
    decided.filter(|_, (_, reserved)| !reserved).map_values(|(order, _)| order).to(BEYOND_STOCK);
    decided
        .map(|item, (order, reserved)| (order.id, Decision { item, pieces: order.pieces, reserved }))
        .sink(
            SinkTo::<PostgresSink>::new("decisions")
                .with("connection.url", postgres)
                .with("auto.create", true)
                .with("insert.mode", "upsert")
                .with("pk.mode", "record_key")
                .with("pk.fields", "id"),
        )
        .named("decisions");
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(id: &str, pieces: u32) -> Posted {
        Posted { id: id.to_owned(), item: "cup".to_owned(), pieces }
    }

    #[test]
    fn orders_reserve_what_is_there_and_what_comes_twice_counts_once() {
        let mut driver = TestDriver::new(&topology("postgres://localhost/shop").unwrap()).unwrap();
        driver.input(DELIVERIES).send("cup", posted("d1", 10)).unwrap();
        driver.input(DELIVERIES).send("cup", posted("d1", 10)).unwrap();
        for (id, pieces) in [("o1", 4), ("o2", 7), ("o3", 6), ("o1", 4), ("o2", 7)] {
            driver.input(ORDERS).send("cup", posted(id, pieces)).unwrap();
        }
        driver.input(DELIVERIES).send("cup", posted("d2", 5)).unwrap();
        let stock: Vec<u64> =
            driver.output(STOCK).drain().into_iter().map(|stock| stock.value.left).collect();
        assert_eq!(stock, [10, 10, 6, 6, 0, 0, 0, 5]);
        let beyond = driver.output(BEYOND_STOCK).drain();
        assert_eq!(beyond, [record("cup", posted("o2", 7)), record("cup", posted("o2", 7))]);
        let decisions = driver.outlet::<String, Decision>("decisions").unwrap();
        let decided: Vec<_> = decisions.iter().map(|row| (row.key.as_str(), row.value.reserved)).collect();
        assert_eq!(decided, [("o1", true), ("o2", false), ("o3", true), ("o1", true), ("o2", false)]);
        let shelf = driver.store(INVENTORY).unwrap().get("cup").unwrap().unwrap();
        assert_eq!(shelf.stock(), Stock { delivered: 15, reserved: 10, left: 5 });
    }
}
