//! A table grouped another way.

use std::rc::Rc;
use std::sync::Arc;

use crate::data::{Data, DataError};
use crate::dsl::{Element, KGroupedTable, KTable};
use crate::processor::{Change, Context, Downstream, Headers, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{NodeId, NodeKind};

impl<K: Element, V: Element> KTable<K, V> {
    /// Groups the entries by a new key, each with a new value. When an entry changes, what it was is taken out of the group
    /// it was in and what it is now goes into the group it is in now. Entries whose new key or value is missing take no part.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const PER_CITY: Topic<String, i64> = Topic::new("per-city");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_city = builder.table(USERS).group_by(|name, city| (city.clone(), name.clone()));
    /// by_city.count("users-per-city").to(PER_CITY);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// driver.input(USERS).send("ada", "Paris")?;
    /// let counts = driver.output(PER_CITY).drain();
    /// assert_eq!(counts, [record("London", 1), record("London", 0), record("Paris", 1)]);
    /// # Ok(()) }
    /// ```
    ///
    /// The entries go through a repartition topic, in the format of Kafka Streams 3.5 and later (KIP-904).
    pub fn group_by<K2: Data, V2: Data>(
        &self,
        select: impl Fn(&K, &V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KGroupedTable<K2::Present, V2::Present> {
        let select = Arc::new(select);
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
            erase::<K, Change<V>>(Select {
                node: id,
                select: Arc::clone(&select),
                below: assembly.downstream(id),
            })
        });
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KTABLE-SELECT-");
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        graph.send_old(self.node, true);
        KGroupedTable::new(self.graph.clone(), node)
    }
}

/// Kafka's `KTableRepartitionMap`.
struct Select<K: Data, V: Data, F> {
    node: NodeId,
    select: Arc<F>,
    below: Rc<dyn Downstream<K::Present, Change<V::Present>>>,
}

impl<K1, V1, K: Data, V: Data, F: Fn(&K1, &V1) -> (K, V)> Downstream<K1, Change<V1>> for Select<K, V, F> {
    fn process(&self, record: Record<K1, Change<V1>>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value: Change { new, old }, timestamp, headers } = record;
        let selected = |value: Option<V1>| {
            let (key, value) = (self.select)(&key, &value?);
            Some((key.into_present()?, value.into_present()?))
        };
        let (new, old) = (selected(new), selected(old));
        let mut forward = |key, new, old, headers: Headers| {
            cx.pass(&*self.below, Record { key, value: Change { new, old }, timestamp, headers })
        };
        match (new, old) {
            (Some((key, new)), Some((old_key, old))) if same_bytes(&key, &old_key) => {
                forward(key, Some(new), Some(old), headers)
            }
            (new, old) => {
                if let Some((key, old)) = old {
                    forward(key, None, Some(old), headers.clone())?;
                }
                new.map_or(Ok(()), |(key, new)| forward(key, Some(new), None, headers))
            }
        }
    }
}

/// Whether two keys are written the same. A key that cannot be written is no other's equal; the sink will say why.
fn same_bytes<K: Data>(a: &K, b: &K) -> bool {
    let bytes = |key: &K| -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes)?;
        Ok(bytes)
    };
    matches!((bytes(a), bytes(b)), (Ok(a), Ok(b)) if a == b)
}
