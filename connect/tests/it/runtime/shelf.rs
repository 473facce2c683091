//! A sink for tests: keeps what it is given where the test sees it, and fails as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use millstream_client::TopicPartition;
use millstream_connect::options::{Options, Secret};
use millstream_connect::{
    About, Assigned, ConnectError, Outcome, Record, Replay, Sink, SinkContext, SinkTask, TaskError, Written,
    async_trait,
};
use parking_lot::Mutex;

/// By the name that the connector is told: tasks and tests share it.
static SHELVES: LazyLock<Mutex<BTreeMap<String, Arc<ShelfState>>>> = LazyLock::new(Mutex::default);

/// What lies on a shelf, and how it behaves.
#[derive(Default)]
pub(crate) struct ShelfState {
    /// Partition, offset, text; in the order of writing.
    pub(crate) written: Mutex<Vec<(i32, i64, String)>>,
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) flushes: Mutex<u32>,
}

/// How a shelf answers.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// Texts with this in them are refused.
    pub(crate) poison: Option<String>,
    /// A batch with poison in it is refused as a whole.
    pub(crate) whole: bool,
    /// Does not answer.
    pub(crate) hangs: bool,
    /// Answers after this.
    pub(crate) slow: Duration,
    /// Takes nothing, for now.
    pub(crate) away: bool,
    /// The next so many flushes fail.
    pub(crate) flush_failures: u32,
    /// Never answers a flush.
    pub(crate) flush_hangs: bool,
    /// Cannot be reached by a task that opens it, or is told its partitions.
    pub(crate) shut: Option<Shut>,
    /// Texts with this in them are to be sent again.
    pub(crate) busy: Option<String>,
}

/// How a shelf answers a task that is not writing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Nobody answers a task that opens it.
    AtOpen,
    /// Nobody answers a task that is told its partitions.
    Assigned,
    /// Somebody answers, and refuses.
    Refusing,
}

impl ShelfState {
    pub(crate) fn named(name: &str) -> Arc<Self> {
        Arc::clone(SHELVES.lock().entry(name.to_owned()).or_default())
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.written.lock().iter().map(|(_, _, text)| text.clone()).collect()
    }
}

/// Keeps records on a shelf.
pub(crate) struct Shelf;

#[derive(Options, Clone, Debug)]
pub(crate) struct ShelfOptions {
    /// Which shelf.
    #[option(name = "shelf.name")]
    shelf: String,
    /// What opens it; the shelf says it aloud when it refuses something.
    #[option(name = "shelf.key")]
    key: Option<Secret>,
}

struct ShelfTask(Arc<ShelfState>, Option<Secret>);

#[async_trait]
impl Sink for Shelf {
    type Options = ShelfOptions;
    const ABOUT: About = About { name: "shelf", aliases: &[], summary: "Keeps records." };
    const REPLAY: Replay = Replay::Appends;

    async fn open(options: ShelfOptions, _: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        let shelf = ShelfState::named(&options.shelf);
        match shelf.behaviour.lock().shut {
            Some(Shut::AtOpen) => return Err(ConnectError::Away("nobody opens".into())),
            Some(Shut::Refusing) => return Err(ConnectError::Refused("not to you".into())),
            Some(Shut::Assigned) | None => {}
        }
        Ok(Box::new(ShelfTask(shelf, options.key)))
    }
}

#[async_trait]
impl SinkTask for ShelfTask {
    async fn assigned(&mut self, _: &[Assigned]) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        match self.0.behaviour.lock().shut {
            Some(Shut::Assigned) => Err(TaskError::retry("nobody opens")),
            _ => Ok(BTreeMap::new()),
        }
    }

    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        while self.0.behaviour.lock().hangs {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let behaviour = self.0.behaviour.lock().clone();
        if behaviour.away {
            return Err(TaskError::retry("the shelf is away"));
        }
        tokio::time::sleep(behaviour.slow).await;
        let has = |record: &Record, what: &Option<String>| {
            what.as_ref()
                .is_some_and(|what| record.value.value.as_str().is_some_and(|text| text.contains(what)))
        };
        if behaviour.whole && records.iter().any(|record| has(record, &behaviour.poison)) {
            return Err(TaskError::rejected("poison in the batch"));
        }
        let mut written = self.0.written.lock();
        let outcome = |record: &Record| {
            if has(record, &behaviour.poison) {
                let key = self.1.as_ref().map_or("", Secret::expose);
                return Outcome::Reject { why: format!("it is poison{key}") };
            }
            if has(record, &behaviour.busy) {
                return Outcome::Retry { after: None, why: "busy".into() };
            }
            let origin = record.origin.as_ref().unwrap();
            let text = record.value.value.as_str().unwrap_or_default().to_owned();
            written.push((origin.partition, origin.offset, text));
            Outcome::Ok
        };
        Ok(Written::Each(records.iter().map(outcome).collect()))
    }

    async fn flush(&mut self) -> Result<(), TaskError> {
        *self.0.flushes.lock() += 1;
        if self.0.behaviour.lock().flush_hangs {
            std::future::pending::<()>().await;
        }
        let mut behaviour = self.0.behaviour.lock();
        if behaviour.flush_failures > 0 {
            behaviour.flush_failures -= 1;
            return Err(TaskError::retry("not safe"));
        }
        Ok(())
    }
}
