//! Each record with what a table says of its key.

use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::table::View;
use crate::dsl::{Element, KStream, KTable, repartition};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{Changes, NodeId, NodeKind};

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each record with the value that the table has for its key at that moment; a record for whose key it has none is
    /// passed over. Records whose key or value is missing are dropped. Updates of the table join nothing.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let users = builder.table(USERS);
    /// builder.stream(VISITS).join_table(&users, |page, city| format!("{page} from {city}")).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VISITS).send("ada", "/")?; // nobody knows her yet
    /// driver.input(USERS).send("ada", "London")?;
    /// driver.input(VISITS).send("ada", "/help")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("ada", "/help from London")]);
    /// # Ok(()) }
    /// ```
    ///
    /// The topics of stream and table must have equally many partitions: the application says so at its start. A stream whose
    /// key may have changed goes through a repartition topic first, which gets as many as the table's.
    pub fn join_table<T: Element, R: Element>(
        &self,
        table: &KTable<K::Present, T>,
        join: impl Fn(V::Present, &T) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.joined(table, INNER, move |_, value, found| Some(join(value, found?)))
    }

    /// [`join_table`](Self::join_table) with a closure that sees the key too (Kafka's `ValueJoinerWithKey`).
    pub fn join_table_with_key<T: Element, R: Element>(
        &self,
        table: &KTable<K::Present, T>,
        join: impl Fn(&K::Present, V::Present, &T) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.joined(table, INNER, move |key, value, found| Some(join(key?, value, found?)))
    }

    /// Joins each record with the value that the table has for its key at that moment, or with none. A record without a key
    /// finds none; only records whose value is missing are dropped.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let users = builder.table(USERS);
    /// builder
    ///     .stream(VISITS)
    ///     .left_join_table(&users, |page, city| format!("{page} from {}", city.map_or("nowhere", |city| city)))
    ///     .to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VISITS).send("ada", "/")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("ada", "/ from nowhere")]);
    /// # Ok(()) }
    /// ```
    pub fn left_join_table<T: Element, R: Element>(
        &self,
        table: &KTable<K::Present, T>,
        join: impl Fn(V::Present, Option<&T>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.joined(table, LEFT, move |_, value, found| Some(join(value, found)))
    }

    /// [`left_join_table`](Self::left_join_table) with a closure that sees the key too.
    pub fn left_join_table_with_key<T: Element, R: Element>(
        &self,
        table: &KTable<K::Present, T>,
        join: impl Fn(&K, V::Present, Option<&T>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.joined(table, LEFT, move |key: Option<&K::Present>, value, found| {
            let key = K::from_present(key.cloned())?;
            Some(join(&key, value, found))
        })
    }

    fn joined<T: Element, R: Element>(
        &self,
        table: &KTable<K::Present, T>,
        kind: Kind,
        join: impl Join<K::Present, V::Present, T, R>,
    ) -> KStream<K, R> {
        let graph = &mut *self.graph.borrow_mut();
        if !Rc::ptr_eq(&self.graph, &table.graph) {
            graph.report_foreign_stream();
        }
        let repartitioned = self.rekeyed.then(|| repartition::for_join::<K, V>(graph, self.node));
        let name = graph.generate(kind.prefix);
        let join = Arc::new(join);
        let view = Arc::clone(&table.view);
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
            let (join, view, below) = (Arc::clone(&join), view(assembly), assembly.downstream::<K, R>(id));
            erase::<K, V>(TableJoin { node: id, left: kind.left, join, view, below })
        });
        let parent = repartitioned.as_ref().map_or(self.node, |repartitioned| repartitioned.source);
        let node = graph.add(name, NodeKind::Processor { factory }, &[parent]);
        if let Some(store) = graph.materialize(table.node) {
            graph.connect_store(node, store);
        }
        graph.copartition(node, table.node);
        if kind.left {
            graph.welcome_missing_keys(node);
        }
        if let Some(repartitioned) = repartitioned {
            repartitioned.name_after::<K, V>(graph, self.node, node);
        }
        graph.pass_serdes(self.node, node, Changes::Values);
        graph.node_mut(node).changes = Changes::Nothing;
        KStream::new(self.graph.clone(), node, false)
    }
}

/// How the two joins differ.
#[derive(Clone, Copy)]
struct Kind {
    prefix: &'static str,
    /// Whether a record for which nothing is found is joined with nothing.
    left: bool,
}

const INNER: Kind = Kind { prefix: "KSTREAM-JOIN-", left: false };
const LEFT: Kind = Kind { prefix: "KSTREAM-LEFTJOIN-", left: true };

/// What becomes of a record, given its key, its value and what was found; `None`: nothing.
trait Join<K, V, T, R>: Fn(Option<&K>, V, Option<&T>) -> Option<R> + Send + Sync + 'static {}

impl<K, V, T, R, F: Fn(Option<&K>, V, Option<&T>) -> Option<R> + Send + Sync + 'static> Join<K, V, T, R>
    for F
{
}

/// Kafka's `KStreamKTableJoinProcessor`.
struct TableJoin<K: Data, T, R, F> {
    node: NodeId,
    left: bool,
    join: Arc<F>,
    view: Rc<dyn View<K::Present, T>>,
    below: Rc<dyn Downstream<K, R>>,
}

impl<K, V, T, R, F> Downstream<K, V> for TableJoin<K, T, R, F>
where
    K: Data,
    V: Data,
    F: Join<K::Present, V::Present, T, R>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = (key.into_present(), value.into_present());
        let Some(value) = value.filter(|_| self.left || key.is_some()) else {
            cx.drop_record();
            return Ok(());
        };
        let mut value = Some(value);
        let mut result = None;
        let mut join = |found: Option<&T>| {
            result = value.take().and_then(|value| (self.join)(key.as_ref(), value, found));
        };
        match &key {
            Some(key) => self.view.read(key, &mut join)?,
            None => join(None),
        }
        match (result, K::from_present(key)) {
            (Some(value), Some(key)) => self.below.process(Record { key, value, timestamp, headers }, cx),
            (Some(_) | None, _) => Ok(()),
        }
    }
}
