//! A sink as the end of a topology: `stream.sink(SinkTo::<PostgresSink>::new("stock").with(...))`.
//!
//! It is the very sink that a connector has, under the same rules: records that are to be tried again, one that is refused found by
//! halving, a target that takes nothing waited for, a brake. What is different follows from there being no topic in between:
//!
//! - keys and values come as types and need no converter: [`Value::of_serde`](crate::data::Value::of_serde) says what they become;
//! - offsets are the application's, committed only behind what the sink has flushed. Until then the records are held in memory,
//!   `sink.buffer.bytes` of them; beyond that the tasks rest;
//! - what is refused is decided on by the error policies of the topology, and its dead letters are those of the application.
//!
//! ```no_run
//! use millstream::prelude::*;
//! use millstream_connect::SinkTo;
//! use millstream_connect::connectors::postgres::PostgresSink;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let builder = StreamsBuilder::new();
//! let stock = builder.stream(Topic::<String, i64>::new("movements")).group_by_key().count("stock");
//! stock.to_stream().map_values(|pieces| pieces.map(|pieces| std::collections::BTreeMap::from([("pieces", pieces)]))).sink(
//!     SinkTo::<PostgresSink>::new("stock")
//!         .with("connection.url", "postgres://shop@localhost/shop")
//!         .with("insert.mode", "upsert")
//!         .with("pk.mode", "record_key")
//!         .with("pk.fields", "item"),
//! );
//! # Ok(()) }
//! ```
//!
//! # Once, or at least once
//!
//! Each record is with the target at least once. After a crash the topology reads records again, and what it makes of them need not be
//! what it made before. So a sink that [keeps offsets](crate::Replay::Once) keeps none here: write to it by key. With `pk.mode=kafka`
//! a row is named by where the record was read that it was made of, in the topology's own topics: the first row of each, since
//! another would take its place; the others, and what a timer makes, are refused. The file sink appends to its `file`. To one that
//! [names what it writes](crate::Replay::Upserts) records come with a place of their own, which a replay gives them again where no node
//! above keeps anything and there is but one topic: a document without a key is there once then too.

mod desk;
mod executor;
mod form;
mod held;
mod open;
mod options;
mod writer;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use millstream::outlet::{OpenOutlet, Opener, Outlet};
use serde::Serialize;

use self::executor::Executor;
use self::open::{OpenSink, Room};
use self::options::Rules;
use crate::error::ConnectError;
use crate::options::{Fault, Given, Options};
use crate::sink::{Sink, SinkContext};

/// A sink, what it is called and what it is told: an [`Outlet`] for `stream.sink(...)`. The [module](crate::outlet) tells more.
#[derive(Debug)]
pub struct SinkTo<S> {
    /// What the sink takes for the topic: it names tables, indices and files.
    topic: Arc<str>,
    config: BTreeMap<String, String>,
    /// Bytes that all tasks hold.
    held: Arc<AtomicUsize>,
    executor: Arc<Executor>,
    sink: PhantomData<fn() -> S>,
}

impl<S: Sink> SinkTo<S> {
    /// A sink that takes records for those of a topic of this name: where it makes a table, an index or a file, that goes by it.
    #[must_use]
    pub fn new(topic: &str) -> Self {
        let (held, executor) = (Arc::default(), Arc::default());
        Self { topic: topic.into(), config: BTreeMap::new(), held, executor, sink: PhantomData }
    }

    /// Says an option of the sink, by the name that it has in a connector's configuration; or one of `errors.retry.timeout`,
    /// `errors.retry.delay.max.ms`, `errors.brake.percent`, `errors.brake.window`, `sink.batch.records` and `sink.buffer.bytes`.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.config.insert(option.to_owned(), value.to_string());
        self
    }

    /// Says several.
    #[must_use]
    pub fn with_all<N: Into<String>, V: Into<String>>(
        mut self,
        options: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.config.extend(options.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }
}

impl<S: Sink, K: Serialize + 'static, V: Serialize + 'static> Outlet<K, V> for SinkTo<S> {
    fn kind(&self) -> String {
        format!("{} {}", S::ABOUT.name, self.topic)
    }

    fn check(&self) -> Result<(), String> {
        let faults = options::faults::<S>(&self.config);
        if faults.is_empty() {
            return Ok(());
        }
        Err(told(&faults))
    }

    fn open(&self, by: Opener) -> Box<dyn OpenOutlet<K, V>> {
        let context = SinkContext {
            connector: match &*by.application_id {
                "" => by.node.clone(),
                application_id => format!("{application_id}-{}", by.node),
            },
            task: usize::try_from(by.task.partition).unwrap_or_default(),
            ends_topology: true,
        };
        let config = self.config.clone();
        let opening = move || {
            let (config, context) = (config.clone(), context.clone());
            async move {
                let options = S::Options::read(&Given::new(&config)).map_err(ConnectError::Options)?;
                S::open(options, context).await
            }
        };
        let form = form::Form::new(Arc::clone(&self.topic), by.task.partition, S::REPLAY);
        Box::new(match Rules::read(&self.config) {
            Ok(rules) => {
                let room = Room::new(rules.buffer_bytes, Arc::clone(&self.held));
                OpenSink::start(&self.executor, opening, form, rules, room)
            }
            // The topology was not built then; nobody comes here.
            Err(faults) => OpenSink::unable(&self.executor, form, told(&faults)),
        })
    }
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
