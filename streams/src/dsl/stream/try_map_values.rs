//! Values that may fail to be made.

use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase, pass};
use crate::topology::{Changes, NodeId, NodeKind};

impl<K: Element, V: Element> KStream<K, V> {
    /// Makes a new value of each, where that may fail: the stream of the values that were made, and the stream of the
    /// failures. An error that is to be looked into later carries what failed.
    ///
    /// Kafka Streams has no such operator. The names of its nodes end in `-values` and `-failures`.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const NUMBERS: Topic<String, i64> = Topic::new("numbers");
    /// const REJECTED: Topic<String, String> = Topic::new("rejected");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (numbers, failures) =
    ///     builder.stream(IN).try_map_values(|text| text.parse::<i64>().map_err(|error| format!("{text}: {error}")));
    /// numbers.to(NUMBERS);
    /// failures.to(REJECTED);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "7")?;
    /// driver.input(IN).send("b", "seven")?;
    /// assert_eq!(driver.output(NUMBERS).drain(), [record("a", 7)]);
    /// assert_eq!(driver.output(REJECTED).drain(), [record("b", "seven: invalid digit found in string")]);
    /// # Ok(()) }
    /// ```
    #[must_use = "values that are made and failures that happen go nowhere by themselves"]
    pub fn try_map_values<V2: Element, E: Element>(
        &self,
        map: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> (KStream<K, V2>, KStream<K, E>) {
        let map = Arc::new(map);
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, node| {
            let [values, failures] = assembly.children(node) else { unreachable!("made below") };
            let (values, failures) = (assembly.child::<K, V2>(*values), assembly.child::<K, E>(*failures));
            erase(TryMapValues { node, map: Arc::clone(&map), values, failures })
        });
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KSTREAM-TRYMAPVALUES-");
        let (values, failures) = (format!("{name}-values"), format!("{name}-failures"));
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        let values = graph.add(values, NodeKind::Processor { factory: pass::<K, V2>() }, &[node]);
        let failures = graph.add(failures, NodeKind::Processor { factory: pass::<K, E>() }, &[node]);
        graph.pass_serdes(self.node, values, Changes::Values);
        graph.pass_serdes(self.node, failures, Changes::Values);
        let made = KStream::new(self.graph.clone(), values, self.rekeyed);
        (made, KStream::new(self.graph.clone(), failures, self.rekeyed))
    }
}

struct TryMapValues<K, V2, E, F> {
    node: NodeId,
    map: Arc<F>,
    values: Rc<dyn Downstream<K, V2>>,
    failures: Rc<dyn Downstream<K, E>>,
}

impl<K, V, V2, E, F: Fn(V) -> Result<V2, E>> Downstream<K, V> for TryMapValues<K, V2, E, F> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        match (self.map)(value) {
            Ok(value) => self.values.process(Record { key, value, timestamp, headers }, cx),
            Err(value) => self.failures.process(Record { key, value, timestamp, headers }, cx),
        }
    }
}
