//! Looking on.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Looks at each record and passes it on as it is. After a crash records are looked at again.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::atomic::{AtomicI64, Ordering};
    ///
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    /// static SUM: AtomicI64 = AtomicI64::new(0);
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).peek(|_, n| { SUM.fetch_add(*n, Ordering::Relaxed); }).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 3)?;
    /// assert_eq!(SUM.load(Ordering::Relaxed), 3);
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 3)]);
    /// # Ok(()) }
    /// ```
    pub fn peek(&self, look: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        let look = Arc::new(look);
        self.add("KSTREAM-PEEK-", Changes::Nothing, move |node, below| Peek {
            node,
            look: Arc::clone(&look),
            below,
        })
    }
}

struct Peek<K, V, F> {
    node: NodeId,
    look: Arc<F>,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V, F: Fn(&K, &V)> Downstream<K, V> for Peek<K, V, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        (self.look)(&record.key, &record.value);
        self.below.process(record, cx)
    }
}
