//! Each record with what a global table says of a key of one's choice.

use std::rc::Rc;
use std::sync::Arc;

use crate::data::Data;
use crate::dsl::table::View;
use crate::dsl::{Element, GlobalKTable, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{Changes, NodeId, NodeKind};

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each record with the value that a global table has for the key that `lookup` takes from the record; a record for
    /// whose key it has none is passed over. Every instance has the whole table, so the records stay where they are and keep
    /// their own keys. Records whose value is missing, or for which `lookup` returns `None`, are dropped.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const ORDERS: Topic<i64, String> = Topic::new("orders"); // "customer item"
    /// const CUSTOMERS: Topic<String, String> = Topic::new("customers");
    /// const OUT: Topic<i64, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let customers = builder.global_table(CUSTOMERS);
    /// let customer = |_: &i64, order: &String| order.split(' ').next().map(str::to_string);
    /// builder
    ///     .stream(ORDERS)
    ///     .join_global(&customers, customer, |order, city| format!("{order} to {city}"))
    ///     .to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(CUSTOMERS).send("ada", "London")?;
    /// driver.input(ORDERS).send(7, "ada tea")?;
    /// driver.input(ORDERS).send(8, "tim tea")?;
    /// assert_eq!(driver.output(OUT).drain(), [record(7, "ada tea to London")]);
    /// # Ok(()) }
    /// ```
    pub fn join_global<G: Element, T: Element, R: Element, L: Into<Option<G>>>(
        &self,
        table: &GlobalKTable<G, T>,
        lookup: impl Fn(&K, &V::Present) -> L + Send + Sync + 'static,
        join: impl Fn(V::Present, &T) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let lookup = move |key: &K, value: &V::Present| lookup(key, value).into();
        self.joined_globally(table, false, lookup, move |_, value, found| Some(join(value, found?)))
    }

    /// [`join_global`](Self::join_global) with a closure that sees the record's key too (Kafka's `ValueJoinerWithKey`).
    pub fn join_global_with_key<G: Element, T: Element, R: Element, L: Into<Option<G>>>(
        &self,
        table: &GlobalKTable<G, T>,
        lookup: impl Fn(&K, &V::Present) -> L + Send + Sync + 'static,
        join: impl Fn(&K, V::Present, &T) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let lookup = move |key: &K, value: &V::Present| lookup(key, value).into();
        self.joined_globally(table, false, lookup, move |key, value, found| Some(join(key, value, found?)))
    }

    /// Joins each record with the value that a global table has for the key that `lookup` takes from the record, or with none.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const ORDERS: Topic<i64, String> = Topic::new("orders"); // the customer
    /// const CUSTOMERS: Topic<String, String> = Topic::new("customers");
    /// const OUT: Topic<i64, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let customers = builder.global_table(CUSTOMERS);
    /// builder
    ///     .stream(ORDERS)
    ///     .left_join_global(&customers, |_, order| order.clone(), |order, city| match city {
    ///         Some(city) => format!("{order} in {city}"),
    ///         None => format!("{order}, unknown"),
    ///     })
    ///     .to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(ORDERS).send(7, "ada")?;
    /// assert_eq!(driver.output(OUT).drain(), [record(7, "ada, unknown")]);
    /// # Ok(()) }
    /// ```
    pub fn left_join_global<G: Element, T: Element, R: Element, L: Into<Option<G>>>(
        &self,
        table: &GlobalKTable<G, T>,
        lookup: impl Fn(&K, &V::Present) -> L + Send + Sync + 'static,
        join: impl Fn(V::Present, Option<&T>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let lookup = move |key: &K, value: &V::Present| lookup(key, value).into();
        self.joined_globally(table, true, lookup, move |_, value, found| Some(join(value, found)))
    }

    /// [`left_join_global`](Self::left_join_global) with a closure that sees the record's key too.
    pub fn left_join_global_with_key<G: Element, T: Element, R: Element, L: Into<Option<G>>>(
        &self,
        table: &GlobalKTable<G, T>,
        lookup: impl Fn(&K, &V::Present) -> L + Send + Sync + 'static,
        join: impl Fn(&K, V::Present, Option<&T>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let lookup = move |key: &K, value: &V::Present| lookup(key, value).into();
        self.joined_globally(table, true, lookup, move |key, value, found| Some(join(key, value, found)))
    }

    fn joined_globally<G: Element, T: Element, R: Element>(
        &self,
        table: &GlobalKTable<G, T>,
        left: bool,
        lookup: impl Fn(&K, &V::Present) -> Option<G> + Send + Sync + 'static,
        join: impl Join<K, V::Present, T, R>,
    ) -> KStream<K, R> {
        if !Rc::ptr_eq(&self.graph, &table.graph) {
            self.graph.borrow_mut().report_foreign_stream();
        }
        let (lookup, join, view) = (Arc::new(lookup), Arc::new(join), table.view());
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, node| {
            let (lookup, join) = (Arc::clone(&lookup), Arc::clone(&join));
            let (view, below) = (view(assembly), assembly.downstream::<K, R>(node));
            erase::<K, V>(GlobalJoin { node, left, lookup, join, view, below })
        });
        let graph = &mut *self.graph.borrow_mut();
        // Kafka gives the inner join this name too.
        let name = graph.generate("KSTREAM-LEFTJOIN-");
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        if left {
            graph.welcome_missing_keys(node);
        }
        graph.pass_serdes(self.node, node, Changes::Values);
        graph.node_mut(node).changes = Changes::Nothing;
        KStream::new(self.graph.clone(), node, self.rekeyed)
    }
}

/// What becomes of a record, given its key, its value and what was found; `None`: nothing.
trait Join<K, V, T, R>: Fn(&K, V, Option<&T>) -> Option<R> + Send + Sync + 'static {}

impl<K, V, T, R, F: Fn(&K, V, Option<&T>) -> Option<R> + Send + Sync + 'static> Join<K, V, T, R> for F {}

/// Kafka's `KStreamKTableJoinProcessor` with a key mapper.
struct GlobalJoin<K, G, T, R, L, F> {
    node: NodeId,
    left: bool,
    lookup: Arc<L>,
    join: Arc<F>,
    view: Rc<dyn View<G, T>>,
    below: Rc<dyn Downstream<K, R>>,
}

impl<K, V, G, T, R, L, F> Downstream<K, V> for GlobalJoin<K, G, T, R, L, F>
where
    K: Data,
    V: Data,
    L: Fn(&K, &V::Present) -> Option<G>,
    F: Join<K, V::Present, T, R>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let Some(value) = value.into_present() else {
            cx.drop_record();
            return Ok(());
        };
        let wanted = (self.lookup)(&key, &value);
        if wanted.is_none() && !(self.left && key.is_null()) {
            cx.drop_record();
            return Ok(());
        }
        let mut value = Some(value);
        let mut result = None;
        let mut join = |found: Option<&T>| {
            result = value.take().and_then(|value| (self.join)(&key, value, found));
        };
        match &wanted {
            Some(wanted) => self.view.read(wanted, &mut join)?,
            None => join(None),
        }
        match result {
            Some(value) => self.below.process(Record { key, value, timestamp, headers }, cx),
            None => Ok(()),
        }
    }
}
