//! Payments that arrive more than once: the first of each number goes on, the others are counted, and after a day all is
//! forgotten. A processor of one's own with two stores and a timer.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// What is kept of a payment that came again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Repeated {
    /// How often it came after the first time.
    pub times: u64,
    /// When it came last, in milliseconds.
    pub last: i64,
}

/// Cents by the number of the payment.
pub const PAYMENTS: Topic<String, i64> = Topic::new("payments");
/// Each payment once.
pub const PAID: Topic<String, i64> = Topic::new("paid");
/// When a payment came first.
pub const SEEN: KeyValueStore<String, i64> = KeyValueStore::new("seen");
/// The payments that came again.
pub const REPEATED: KeyValueStore<String, Repeated> = KeyValueStore::new("repeated");

#[derive(Stores)]
struct Dedup {
    #[store(SEEN)]
    seen: Open<KeyValueStore<String, i64>>,
    #[store(REPEATED)]
    repeated: Open<KeyValueStore<String, Repeated>>,
}

impl Processor<String, i64> for Dedup {
    type Out = (String, i64);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(PunctuationKind::StreamTime, hours(1));
        Ok(())
    }

    fn process(
        &mut self,
        payment: Record<String, i64>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        if self.seen.put_if_absent(&payment.key, payment.timestamp)?.is_none() {
            cx.forward(payment);
            return Ok(());
        }
        let times = self.repeated.get(&payment.key)?.map_or(0, |repeated| repeated.times) + 1;
        self.repeated.put(&payment.key, Repeated { times, last: payment.timestamp })
    }

    fn punctuate(&mut self, at: Punctuation, _: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        for (number, _) in self.seen.all()?.into_iter().filter(|(_, first)| first + 86_400_000 <= at.time) {
            self.seen.delete(&number)?;
            self.repeated.delete(&number)?;
        }
        Ok(())
    }
}

/// Passes the first of equal [`PAYMENTS`] on to [`PAID`].
///
/// # Errors
/// None but a mistake in this function.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream(PAYMENTS).process(Dedup::open).named("dedup").to(PAID);
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn payments_go_on_once_a_day() {
        let mut driver = TestDriver::new(&topology().unwrap()).unwrap();
        for (hour, number, cents) in [(0, "a", 500), (1, "b", 20), (2, "a", 500), (20, "a", 500)] {
            driver.input(PAYMENTS).at(hour * HOUR).send(number, cents).unwrap();
        }
        assert_eq!(driver.output(PAID).drain(), [record("a", 500), record("b", 20).at(HOUR)]);
        let repeated = |driver: &TestDriver| driver.store(REPEATED).unwrap().all().unwrap();
        assert_eq!(repeated(&driver), [("a".to_owned(), Repeated { times: 2, last: 20 * HOUR })]);

        driver.input(PAYMENTS).at(24 * HOUR).send("c", 1).unwrap();
        assert_eq!(repeated(&driver), []);
        driver.input(PAYMENTS).at(24 * HOUR).send("a", 500).unwrap();
        driver.input(PAYMENTS).at(24 * HOUR).send("b", 20).unwrap();
        let paid: Vec<String> = driver.output(PAID).drain().into_iter().map(|paid| paid.key).collect();
        assert_eq!(paid, ["c", "a"], "b came 23 hours ago");
    }
}
