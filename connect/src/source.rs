use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};

use crate::about::About;
use crate::check::Finding;
use crate::error::{ConnectError, TaskError};
use crate::options::Options;
use crate::record::Record;

/// A kind of connector that reads records from somewhere. `CONTRIBUTING.md` shows how to write one.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// What can be said to it.
    type Options: Options;

    /// What it is called.
    const ABOUT: About;

    /// Whether it goes on from where it was. One that does not takes none from anybody.
    const KEEPS_POSITIONS: bool = true;

    /// Looks at the other side: what would go wrong, and what to do about it. Changes nothing there.
    async fn check(_options: &Self::Options) -> Vec<Finding> {
        Vec::new()
    }

    /// Divides the work among at most `max` tasks, and says for each what it adds to the configuration. One task by default.
    ///
    /// # Errors
    /// The other side must be asked, and refuses.
    async fn split(_options: &Self::Options, _max: usize) -> Result<Vec<Share>, ConnectError> {
        Ok(vec![Share::new()])
    }

    /// Whether a task could go on from a position that somebody sets for a connector at rest (KIP-875, Kafka's
    /// `SourceConnector.alterOffsets`). All that are set at once are asked about before any is stored, and `stored` is what is there of
    /// the part now. Whoever deletes a position is not asked about. Without this, any will do.
    ///
    /// # Errors
    /// None could; the text says what to write.
    fn check_position(
        _options: &Self::Options,
        _partition: &SourcePartition,
        _offset: &SourceOffset,
        _stored: Option<&SourceOffset>,
    ) -> Result<(), String> {
        Ok(())
    }

    /// Makes a task ready to read where its positions say.
    ///
    /// # Errors
    /// The other side refuses, or a position cannot be gone on from; the text says what to do.
    async fn open(
        options: Self::Options,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError>;
}

/// What a task adds to the configuration of its connector.
pub type Share = BTreeMap<String, String>;

/// Which part of a source, as a JSON object: `{"filename": "/var/log/x"}` (Kafka's source partition).
pub type SourcePartition = serde_json::Map<String, serde_json::Value>;

/// How far a part of a source was read, as a JSON object: `{"position": 123}` (Kafka's source offset).
pub type SourceOffset = serde_json::Map<String, serde_json::Value>;

/// What a source's task is told.
#[derive(Debug, Clone, Default)]
pub struct SourceContext {
    /// The connector's name, for logs and ids.
    pub connector: String,
    /// Which of its tasks this is, from 0.
    pub task: usize,
    /// How many there are.
    pub tasks: usize,
    /// What [`Source::split`] said for this one.
    pub share: Share,
    /// How far each part was read, as last stored. All of the connector's, so that a part can move between tasks.
    pub positions: Vec<(SourcePartition, SourceOffset)>,
}

impl SourceContext {
    /// How far a part was read. `None`: it was never read.
    #[must_use]
    pub fn position(&self, partition: &SourcePartition) -> Option<&SourceOffset> {
        self.positions.iter().find(|(known, _)| known == partition).map(|(_, offset)| offset)
    }
}

/// Reads records. The runtime transforms, converts and writes them, and stores the position only when they are acknowledged.
#[async_trait]
pub trait SourceTask: Send {
    /// The next records; waits until there are some. The runtime drops the future to stop the task: nothing may be lost by that,
    /// so whatever was taken from the other side must be in `self` at every `.await`. `None`: there will never be more.
    ///
    /// # Errors
    /// [`TaskError::Retry`] is asked again, the others end the task. Nothing is rejected here.
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError>;

    /// How it is known that all that there is has been handed out: asked once, where a run ends then (`connect run --once`).
    fn end(&self) -> End {
        End::OfPoll
    }

    /// No more will be asked.
    async fn close(&mut self) {}
}

/// How a run that ends knows that a source has no more.
#[derive(Debug, Clone)]
pub enum End {
    /// [`SourceTask::poll`] says so.
    OfPoll,
    /// `true`: the source has looked, and [`SourceTask::poll`] has returned all that was there, or will without waiting. More may
    /// come later: it is not for this run.
    Told(watch::Receiver<bool>),
    /// Never: others send when they like. Such a source is not for a run that ends.
    Never,
}

/// What a source read at once.
#[derive(Debug, Default)]
pub struct SourceBatch {
    /// In the order in which they are written. A batch may be of positions alone.
    pub records: Vec<Record>,
    /// How far the parts were read when these records, and all before them, are in their topics. An empty offset ends a part:
    /// what was stored of it is deleted.
    pub positions: Vec<(SourcePartition, SourceOffset)>,
    /// Told what became of the records, for a source that owes somebody an answer.
    pub receipt: Option<Receipt>,
}

/// Told once the records of a batch are in their topics, dead letters included, and never before. Dropped: they may not be.
pub type Receipt = oneshot::Sender<()>;
