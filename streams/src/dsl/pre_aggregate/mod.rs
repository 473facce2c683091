//! Combining the records of a key before they are shuffled.
//!
//! A grouping by new keys sends every record through a repartition topic, so a key that most records have fills one partition and
//! keeps one task busy. Where the aggregate is associative, a task may combine what it has read of a key first, and send that:
//!
//! ```text
//!   plain           select key ─► every record ─────────────────────► topic ─► aggregate
//!   pre_aggregate   select key ─► combine ─► one record a key ──────► topic ─► merge ─► the same aggregate
//!                                    └─ sent at a commit, and when `max_bytes` are held
//! ```
//!
//! **The results are the same**: the same aggregates under the same timestamps, in the same store, under the same generated names.
//! What is held is sent, and acknowledged, before the offsets of the records that are in it are committed, so a crash loses nothing
//! and, as everywhere, may count again what came after the last commit.
//!
//! **What changes**: updates are coarser. The table hears of a key once a commit and task, not once a record, and is behind by up to
//! `commit.interval.ms`. The headers of what is sent are those of the last record in it.
//!
//! **When it pays**: when many records of a commit interval share a key, a hot key above all. Where nearly all keys differ it costs a
//! look-up a record and saves nothing. The metrics say which: `node_records_total` of the node `<store>-pre-aggregate` counts what
//! came, and that of the sink `<store>-partial-repartition-sink` what was sent.
//!
//! **Windows.** A partial holds records of one key that belong to the same windows, and goes at the latest of their times. What was
//! held is sent before a record goes by that closes one of their windows, in the order in which the keys came; so the aggregation judges
//! every record as if it had come by itself, late ones too. (Several tasks that feed one partition are not in step with each other with
//! or without this.) A partial that is late counts as one dropped record a window, whatever is in it, and goes where
//! [`late`](PreAggregatedWindows::late) says. Windows that overlap get the
//! records of a key in another order than they came, so there the aggregate must not depend on their order.
//!
//! **Switching it on** for an application that is there gives it another repartition topic, `<store>-partial-repartition`; what lies
//! in the old one unread is not read any more. Let the application read its input to the end, then stop it and start the new one. The
//! store stays.

mod buffer;
mod lanes;
mod late;
mod node;
mod tables;
mod windows;

pub use late::{LateOf, NoLate, WithLate};
pub use windows::PreAggregatedWindows;

use crate::data::Data;
use crate::topology::{Graph, repartition_topic};

use super::grouped::{Place, Prefixes};
use super::{KGroupedStream, repartition};
use node::{Bounds, Combine, How};

/// Bytes that a task may hold of what an aggregation has combined and not sent, unless
/// [`max_bytes`](PreAggregated::max_bytes) says otherwise.
const MAX_BYTES: usize = 4 << 20;

/// A grouping whose records are combined before they are shuffled: made by [`KGroupedStream::pre_aggregate`].
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct PreAggregated<K, V> {
    grouped: KGroupedStream<K, V>,
    max_bytes: usize,
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Has the aggregations of the grouping combine what a task has read of a key before it goes through the repartition topic, so
    /// that a hot key costs a record a commit there and not a record each. The results are the same; the table hears of them once a
    /// commit. For aggregates that are associative: a count, a sum, a maximum, a sketch.
    ///
    /// A grouping that needs no repartition topic has nothing to gain and is left as it is.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const LINES: Topic<Option<String>, String> = Topic::new("lines");
    /// const HITS: KeyValueStore<String, i64> = KeyValueStore::new("hits");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_path = builder.stream(LINES).group_by(|_, line| line.to_lowercase());
    /// let _hits = by_path.pre_aggregate().count(HITS);
    ///
    /// let mut driver = TestDriver::builder(&builder.build()?).commits_by_hand().build()?;
    /// for _ in 0..1_000 {
    ///     driver.input(LINES).send_value("/index.html")?;
    /// }
    /// driver.commit()?;
    /// assert_eq!(driver.store(HITS)?.get("/index.html")?, Some(1_000));
    /// let mut shuffled = driver.output(Topic::<String, i64>::new("hits-partial-repartition"));
    /// assert_eq!(shuffled.drain(), [record("/index.html", 1_000)]);
    /// # Ok(()) }
    /// ```
    pub fn pre_aggregate(&self) -> PreAggregated<K, V> {
        PreAggregated { grouped: self.clone(), max_bytes: MAX_BYTES }
    }
}

impl<K: Data, V: Data> PreAggregated<K, V> {
    /// How many bytes (estimated from encoded sizes) a task may hold before it sends them without waiting for a commit; 4 MiB
    /// without it. A task holds so much for each aggregation that combines.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Draws what combines records and the topic that the partials pass, and takes the names of the aggregation below.
    fn place<P: Data<Present = P>, T: 'static>(
        &self,
        graph: &mut Graph,
        (prefixes, store, legacy_number): (Prefixes, Option<&str>, bool),
        how: How<V, T, impl Combine<K::Present, T, P>>,
    ) -> Place {
        let above = self.grouped.node();
        self.grouped.place_below(graph, prefixes, store, legacy_number, |graph, store| {
            let topic = format!("{store}-partial");
            let bounds = Bounds { topic: repartition_topic(&topic), max_bytes: self.max_bytes };
            let name = format!("{store}-pre-aggregate");
            let combined = node::add::<K, V, T, P, _>(graph, above, name, bounds, how);
            repartition::add_fixed::<K, P>(graph, combined, &topic).source
        })
    }
}
