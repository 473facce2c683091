//! An end that is no topic.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::topology::{Changes, NodeId};

impl<K: Element, V: Element> KStream<K, V> {
    /// Hands each record to `act` and ends there. After a crash records are handed over again.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::mpsc;
    ///
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// let (sender, receiver) = mpsc::channel();
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).for_each(move |key, n| { let _ = sender.send((key, n)); });
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 3)?;
    /// assert_eq!(receiver.recv()?, ("a".into(), 3));
    /// # Ok(()) }
    /// ```
    pub fn for_each(&self, act: impl Fn(K, V) + Send + Sync + 'static) {
        let act = Arc::new(act);
        let _end: KStream<(), ()> = self.add(
            "KSTREAM-FOREACH-",
            Changes::Nothing,
            move |node, _below: Rc<dyn Downstream<(), ()>>| ForEach { node, act: Arc::clone(&act) },
        );
    }
}

struct ForEach<F> {
    node: NodeId,
    act: Arc<F>,
}

impl<K, V, F: Fn(K, V)> Downstream<K, V> for ForEach<F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        (self.act)(record.key, record.value);
        Ok(())
    }
}
