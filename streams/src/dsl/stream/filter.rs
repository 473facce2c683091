//! Keeping some records.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Keeps the records for which `keep` is true.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).filter(|_, n| *n > 1).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 2)]);
    /// # Ok(()) }
    /// ```
    pub fn filter(&self, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        let keep = Arc::new(keep);
        self.add("KSTREAM-FILTER-", Changes::Nothing, move |node, below| Filter {
            node,
            keep: Arc::clone(&keep),
            below,
        })
    }

    /// Drops the records for which `drop` is true.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).filter_not(|_, n| *n > 1).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn filter_not(&self, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(move |key, value| !drop(key, value))
    }
}

struct Filter<K, V, F> {
    node: NodeId,
    keep: Arc<F>,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V, F: Fn(&K, &V) -> bool> Downstream<K, V> for Filter<K, V, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        if (self.keep)(&record.key, &record.value) { self.below.process(record, cx) } else { Ok(()) }
    }
}
