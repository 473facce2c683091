//! Files that topics are written to: one that grows, or many of a limited size and age; each record once, whatever crashes.

mod encoder;
mod journal;
mod lane;
mod loose;
mod one_file;
mod open_file;
mod options;
mod progress;
mod rule;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use millstream_client::TopicPartition;
use uuid::Uuid;

pub use options::{Compression, FileSinkOptions};

use self::lane::Lane;
use self::loose::Loose;
use self::progress::Progress;
use self::rule::{Rule, beside};
use super::aside::aside;
use super::line;
use crate::about::About;
use crate::check::Finding;
use crate::error::{ConnectError, TaskError};
use crate::options::Fault;
use crate::record::Record;
use crate::sink::{Assigned, Forget, Replay, Sink, SinkContext, SinkTask, Written};

/// How many files wait for their sync, at most, until records wait for it.
const MAX_SEALED: usize = 16;
/// Where the progress of a partition is kept, in its directory.
const PROGRESS: &str = ".progress";
/// The least time between two flushes that a file's age asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// Writes records to files, a line each.
///
/// A flush syncs the files and then stores beside them how much of them counts and which offset comes next. After a crash a
/// directory's files are cut to that and reading goes on from there; what was on its way to the one file, which others may append
/// to, is completed. So no line of ours is there in part, twice or not at all, and no line of another's is touched.
pub struct FileSink;

#[async_trait]
impl Sink for FileSink {
    type Options = FileSinkOptions;

    const ABOUT: About = About {
        name: "file-sink",
        aliases: &["org.apache.kafka.connect.file.FileStreamSinkConnector", "FileStreamSink"],
        summary: "Writes records to a file, or to files of a limited size and age, a line each.",
    };

    const REPLAY: Replay = Replay::Once;

    async fn check(options: &FileSinkOptions) -> Vec<Finding> {
        let file = options.file.as_deref().and_then(Path::parent);
        let directory = options.directory.as_deref().or(file).filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let what = directory.display().to_string();
        // Those above it are made with it.
        let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
        let regular = options.file.as_deref().map_or(Ok(()), one_file::is_regular);
        let finding = match regular.and_then(|()| tempfile_in(there)) {
            Ok(()) => Finding::fine(what, "can be written to"),
            Err(why) => Finding::wrong(what, format!("cannot be written to: {why}")),
        };
        vec![finding]
    }

    fn at_the_end_of_a_topology(options: &FileSinkOptions) -> Result<(), Fault> {
        if options.directory.is_none() {
            return Ok(());
        }
        let why = "directory: its files are named and cut by offsets that the sink keeps, and it keeps none of a topology's records: name a \
                   file, or write to a topic and let a connector file-sink make the files";
        Err(Fault::new("directory", why))
    }

    async fn forget_offsets(options: &FileSinkOptions, _: &str, of: &Forget) -> Result<(), ConnectError> {
        forget(options, of)
            .map_err(|why| ConnectError::Refused(format!("the progress cannot be changed: {why}")))
    }

    async fn open(options: FileSinkOptions, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        if context.ends_topology {
            return Ok(Box::new(Loose::new(options)));
        }
        if options.file.is_some() && context.task > 0 {
            let why = "one file cannot be written by several tasks: set tasks.max=1, or name a directory";
            return Err(ConnectError::Options(vec![Fault::new("tasks.max", why)]));
        }
        Ok(Box::new(FileTask { options, ids: BTreeMap::new(), lanes: BTreeMap::new(), lost: None }))
    }
}

/// Whether a file can be made in a directory.
fn tempfile_in(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".millstream-{}", std::process::id()));
    std::fs::File::create_new(&path)?;
    std::fs::remove_file(path)
}

/// The one lane of the one file.
fn lane_of(file: &Path) -> io::Result<Lane> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    Lane::recover(directory.unwrap_or(Path::new(".")).to_owned(), beside(file), Rule::One(name))
}

/// Changes what was stored beside the files, as far as they are on this machine.
fn forget(options: &FileSinkOptions, of: &Forget) -> io::Result<()> {
    if let Some(file) = options.file.as_deref().filter(|file| beside(file).exists()) {
        // What a crash has left under way counts before it is forgotten: later it would count again.
        drop(lane_of(file)?);
    }
    let paths: Vec<PathBuf> = match (&options.directory, of) {
        (None, _) => options.file.iter().map(|file| beside(file)).collect(),
        (Some(directory), Forget::Of(partitions)) => {
            partitions.iter().map(|partition| progress_of(directory, partition)).collect()
        }
        (Some(directory), Forget::All) => {
            let below = |path: PathBuf| Some(fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()));
            let partitions = below(directory.clone()).into_iter().flatten().filter_map(below).flatten();
            partitions.map(|partition| partition.join(PROGRESS)).collect()
        }
    };
    for path in paths.into_iter().filter(|path| path.exists()) {
        let mut progress = Progress::read(&path)?;
        let known: Vec<TopicPartition> = progress.next.keys().cloned().collect();
        let forgotten = known.iter().filter(|partition| match of {
            Forget::All => true,
            Forget::Of(partitions) => partitions.contains(partition),
        });
        if forgotten.filter(|partition| progress.begin_anew(partition)).count() > 0 {
            progress.write(&path)?;
        }
    }
    Ok(())
}

/// Where the progress of a partition that has files of its own is kept.
fn progress_of(directory: &Path, partition: &TopicPartition) -> PathBuf {
    directory.join(&*partition.topic).join(partition.partition.to_string()).join(PROGRESS)
}

struct FileTask {
    options: FileSinkOptions,
    /// Which topics the partitions are of.
    ids: BTreeMap<TopicPartition, Uuid>,
    /// By partition; all of them are one where there is one file.
    lanes: BTreeMap<Option<TopicPartition>, Lane>,
    /// A flush between two of the runtime's has failed, and why.
    lost: Option<TaskError>,
}

impl FileTask {
    fn key(&self, partition: &TopicPartition) -> Option<TopicPartition> {
        self.options.directory.is_some().then(|| partition.clone())
    }

    fn lane(&mut self, partition: &TopicPartition) -> io::Result<&mut Lane> {
        let key = self.key(partition);
        if !self.lanes.contains_key(&key) {
            let mut lane = self.recover(partition)?;
            let of_lane = self.ids.iter().filter(|(other, _)| self.key(other) == key);
            of_lane.for_each(|(other, id)| lane.claim(other, *id));
            self.lanes.insert(key.clone(), lane);
        }
        self.lanes.get_mut(&key).ok_or_else(|| io::Error::other("no lane"))
    }

    /// Takes partitions on, and says where each goes on as far as the files tell.
    fn take(&mut self, partitions: &[Assigned]) -> io::Result<BTreeMap<TopicPartition, i64>> {
        let mut known = BTreeMap::new();
        for Assigned { partition, topic_id } in partitions {
            self.ids.insert(partition.clone(), *topic_id);
            let lane = self.lane(partition)?;
            lane.claim(partition, *topic_id);
            let next = lane.next(partition);
            known.extend(next.map(|next| (partition.clone(), next)));
        }
        Ok(known)
    }

    fn recover(&self, partition: &TopicPartition) -> io::Result<Lane> {
        if let Some(directory) = &self.options.directory {
            let directory = directory.join(&*partition.topic).join(partition.partition.to_string());
            let progress = directory.join(PROGRESS);
            return Lane::recover(directory, progress, Rule::rolling(&self.options));
        }
        lane_of(self.options.file.as_deref().unwrap_or(Path::new("")))
    }

    /// Writes the records of one partition that follow each other.
    fn write_run(&mut self, partition: &TopicPartition, records: &[Record]) -> io::Result<()> {
        let format = self.options.format;
        let lane = self.lane(partition)?;
        let written = lane.write(partition, records, |out, record| line::append(out, record, format));
        written.and(lane.drain())
    }

    fn sealed(&self) -> usize {
        self.lanes.values().map(Lane::sealed).sum()
    }
}

#[async_trait]
impl SinkTask for FileTask {
    async fn assigned(
        &mut self,
        partitions: &[Assigned],
    ) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        aside(|| self.take(partitions)).map_err(failed)
    }

    async fn revoked(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.ids.remove(partition);
            self.lanes.remove(&Some(partition.clone()));
        }
    }

    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        if let Some(why) = &self.lost {
            // Nothing may come behind what was lost before it is written again.
            return Err(why.clone());
        }
        for run in records.chunk_by(are_of_one_partition) {
            let Some((topic, partition)) = run.first().and_then(partition_of) else {
                return Err(TaskError::fatal(
                    "a record without an offset cannot be written once and once only",
                ));
            };
            let partition = TopicPartition { topic: topic.clone(), partition };
            aside(|| self.write_run(&partition, run)).map_err(failed)?;
        }
        if self.sealed() > MAX_SEALED
            && let Err(why) = self.flush().await
        {
            self.lost = Some(why);
        }
        Ok(Written::All)
    }

    async fn flush(&mut self) -> Result<(), TaskError> {
        // What was answered for is not in the files: the runtime must hear of it here, where it goes back to the last commit.
        if let Some(why) = self.lost.take() {
            return Err(why);
        }
        let now = Instant::now();
        let mut flushes = Vec::new();
        for (key, lane) in self.lanes.iter_mut().filter(|(_, lane)| lane.is_due(now)) {
            flushes.push((key.clone(), aside(|| lane.flush(now)).map_err(failed)?));
        }
        for (key, flush) in flushes {
            let done = tokio::task::spawn_blocking(move || flush.carry_out()).await;
            let done = done.map_err(io::Error::other).flatten();
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            match done {
                Ok(()) => aside(|| lane.flushed()).map_err(failed)?,
                Err(why) => {
                    // What a failed sync leaves in the file nobody knows. It is written again from the last one that succeeded.
                    self.lanes.remove(&key);
                    return Err(failed(why));
                }
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        for lane in std::mem::take(&mut self.lanes).into_values() {
            if let Err(why) = aside(|| lane.close()) {
                tracing::warn!(%why, "the progress of a file is not told to be complete");
            }
        }
    }

    fn flush_within(&self) -> Option<Duration> {
        let now = Instant::now();
        let soonest = self.lanes.values().filter_map(|lane| lane.ends_in(now)).min();
        soonest.map(|left| left.max(SHORTEST_WAIT))
    }
}

fn partition_of(record: &Record) -> Option<(&Arc<str>, i32)> {
    record.origin.as_ref().map(|origin| (&origin.topic, origin.partition))
}

fn are_of_one_partition(one: &Record, other: &Record) -> bool {
    match (&one.origin, &other.origin) {
        // Records that were fetched together share their topic's name.
        (Some(one), Some(other)) if Arc::ptr_eq(&one.topic, &other.topic) => one.partition == other.partition,
        _ => partition_of(one) == partition_of(other),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(why: io::Error) -> TaskError {
    TaskError::retry(format!("the files cannot be written: {why}"))
}
