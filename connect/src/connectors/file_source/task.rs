use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use super::batch::BatchInTheMaking;
use super::identity::FileId;
use super::local::LocalDisk;
use super::mark::Mark;
use super::options::FileSourceOptions;
use super::tailer::Tailer;
use crate::error::{ConnectError, TaskError};
use crate::source::{End, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceTask};

/// How many batches wait to be polled.
const WAITING_BATCHES: usize = 2;
/// As Kafka's connector calls them.
pub(super) const FILENAME: &str = "filename";
pub(super) const POSITION: &str = "position";

/// Hands over what a thread reads: a disk may be slow, and one that reads while others send is faster.
pub(super) struct FileTask {
    batches: mpsc::Receiver<SourceBatch>,
    /// Whether the last turn found nothing to read, and waits for nothing.
    is_at_end: watch::Receiver<bool>,
    /// Dropped to end the thread.
    _stop: std_mpsc::Sender<()>,
}

impl FileTask {
    pub(super) fn start(options: FileSourceOptions, context: &SourceContext) -> Result<Self, ConnectError> {
        let (stored, named) = positions(&options, context);
        let tailer = Tailer::new(LocalDisk::new(options.file.clone()), options.settings(), stored, named);
        let (sender, batches) = mpsc::channel(WAITING_BATCHES);
        let (stop, stopped) = std_mpsc::channel();
        let (at_end, is_at_end) = watch::channel(false);
        let batch = BatchInTheMaking::new(&options);
        let name = format!("tail-{}-{}", context.connector, context.task);
        thread::Builder::new()
            .name(name)
            .spawn(move || follow(tailer, batch, &sender, &at_end, &stopped))
            .map_err(|why| ConnectError::Refused(format!("no thread can be started to read files: {why}")))?;
        Ok(Self { batches, is_at_end, _stop: stop })
    }
}

#[async_trait]
impl SourceTask for FileTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        match self.batches.recv().await {
            Some(batch) => Ok(Some(batch)),
            None => {
                Err(TaskError::fatal("the thread that reads the files has ended; its panic is in the log"))
            }
        }
    }

    fn end(&self) -> End {
        End::Told(self.is_at_end.clone())
    }
}

/// Reads until nobody wants any more.
fn follow(
    mut tailer: Tailer<LocalDisk>,
    mut batch: BatchInTheMaking,
    batches: &mpsc::Sender<SourceBatch>,
    at_end: &watch::Sender<bool>,
    stop: &std_mpsc::Receiver<()>,
) {
    let started = Instant::now();
    let elapsed_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    loop {
        let now_ms = elapsed_ms();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        batch.begin(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        let next_ms = tailer.turn(now_ms, &mut batch);
        let mut positions: Vec<_> = tailer.take_news().into_iter().map(position).collect();
        positions.extend(tailer.take_used().iter().map(|path| (named(path), SourceOffset::new())));
        let records = batch.take();
        let is_news = !records.is_empty() || !positions.is_empty();
        at_end.send_replace(!is_news && tailer.is_at_end());
        if is_news {
            let sent = batches.blocking_send(SourceBatch { records, positions, receipt: None });
            if sent.is_err() {
                return;
            }
        }
        let wait = Duration::from_millis(next_ms.saturating_sub(elapsed_ms()));
        if !matches!(stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

fn position((id, mark): (FileId, Option<Mark>)) -> (SourcePartition, SourceOffset) {
    (id.partition(), mark.map(|mark| mark.offset()).unwrap_or_default())
}

/// What Kafka's connector calls a file.
fn named(path: &str) -> SourcePartition {
    [(FILENAME.to_owned(), json!(path))].into_iter().collect()
}

/// What was stored of the files that the user names now: ours by identity, and those of Kafka's connector by name.
fn positions(
    options: &FileSourceOptions,
    context: &SourceContext,
) -> (BTreeMap<FileId, Mark>, HashMap<String, u64>) {
    let (mut stored, mut by_name) = (BTreeMap::new(), HashMap::new());
    for (partition, offset) in &context.positions {
        if let Some((id, mark)) = FileId::of_partition(partition).zip(Mark::of_offset(offset)) {
            if options.names(&mark.path) {
                stored.insert(id, mark);
            }
        } else if let Some(path) = partition.get(FILENAME).and_then(Json::as_str)
            && let Some(position) = offset.get(POSITION).and_then(Json::as_u64)
            && options.names(path)
        {
            by_name.insert(path.to_owned(), position);
        }
    }
    (stored, by_name)
}
