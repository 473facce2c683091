//! New keys for the same values.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Gives each record a new key. Grouping the result goes through a topic.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<Option<String>, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).select_key(|_, text| text[..1].to_string()).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send_value("whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("w", "whale")]);
    /// # Ok(()) }
    /// ```
    pub fn select_key<K2: Element>(
        &self,
        select: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        let select = Arc::new(select);
        self.add("KSTREAM-KEY-SELECT-", Changes::Keys, move |node, below| SelectKey {
            node,
            select: Arc::clone(&select),
            below,
        })
    }
}

struct SelectKey<K2, V, F> {
    node: NodeId,
    select: Arc<F>,
    below: Rc<dyn Downstream<K2, V>>,
}

impl<K, V, K2, F: Fn(&K, &V) -> K2> Downstream<K, V> for SelectKey<K2, V, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let key = (self.select)(&record.key, &record.value);
        self.below.process(record.with_key(key), cx)
    }
}
