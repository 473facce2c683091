use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use millstream_wire::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::descriptors::Descriptors;
use super::flusher::{DEFAULT_FLUSHERS, Flusher};
use super::identity::{self, Identity};
use super::keeper::{self, LastDone, Stop};
use super::names::{DELETED_DIR, METADATA_FILE};
use super::partition_metadata::{self, print_id};
use super::recovery::{self, Past, Unrecoverable};
use super::state::{Log, LogHome};
use super::{LogConfig, LogError, Partition, TopicPartition, cleaner};
use crate::metrics::{Durations, Timing};
use crate::storage::{Access, Space, Storage};

pub(super) const LOCK_FILE: &str = ".lock";
const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
pub(super) const RECOVERY_POINTS_FILE: &str = "recovery-point-offset-checkpoint";
const CLEANED_FILE: &str = "cleaner-offset-checkpoint";
const STARTS_FILE: &str = "log-start-offset-checkpoint";

/// Bytes of the longest small text file that is read.
const MAX_SMALL_FILE: usize = 1 << 16;

/// How logs are opened.
#[derive(Clone, Debug)]
pub struct LogsOptions {
    /// The directory that holds one directory per partition (`log.dir`).
    pub dir: PathBuf,
    /// The node that the directory must belong to (`node.id`).
    pub node_id: NodeId,
    /// Threads that fsync; 0 leaves flushing to who calls [`Partition::flush`].
    pub flushers: usize,
    /// Whether threads of our own expire, clean and checkpoint; without, nobody does.
    pub background: bool,
    /// How often retention looks at each log (`log.retention.check.interval.ms`).
    pub retention_check_ms: i64,
    /// How often the recovery points are written (`log.flush.offset.checkpoint.interval.ms`).
    pub checkpoint_ms: i64,
    /// How long the cleaner rests when no log is dirty (`log.cleaner.backoff.ms`).
    pub cleaner_backoff_ms: u64,
    /// How long a producer that writes nothing is remembered (`producer.id.expiration.ms`).
    pub producer_expiration_ms: i64,
    /// How often producers are looked through (`producer.id.expiration.check.interval.ms`).
    pub producer_check_ms: i64,
    /// How long [`Logs::close`] waits for a disk that does not answer.
    pub close_patience: Duration,
}

impl LogsOptions {
    /// Kafka's defaults.
    pub fn new(dir: impl Into<PathBuf>, node_id: NodeId) -> Self {
        Self {
            dir: dir.into(),
            node_id,
            flushers: DEFAULT_FLUSHERS,
            background: true,
            retention_check_ms: 300_000,
            checkpoint_ms: 60_000,
            cleaner_backoff_ms: 15_000,
            producer_expiration_ms: 86_400_000,
            producer_check_ms: 600_000,
            close_patience: Duration::from_secs(30),
        }
    }
}

/// What the partitions of a directory share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) descriptors: Arc<Descriptors>,
    pub(super) flusher: Arc<Flusher>,
    /// How long flushes took, for metrics.
    pub(super) flushes: Timing,
    /// Below these offsets all was synced: where recovery begins.
    recovery_points: Checkpoint,
    /// Where logs start that do not start with their first segment.
    starts: Checkpoint,
    /// Up to where the keys of each compacted log are in order.
    pub(super) cleaned: Checkpoint,
}

/// All logs of a broker: one directory, locked for as long as this lives.
pub struct Logs {
    pub(super) options: LogsOptions,
    identity: Identity,
    pub(super) shared: Arc<Shared>,
    /// Whether the last life closed its logs.
    clean: bool,
    /// The leader epoch of this life.
    epoch: LeaderEpoch,
    partitions: RwLock<HashMap<TopicPartition, Arc<Partition>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Ends the keeper and the cleaner.
    stop: Arc<Stop>,
    pub(super) last_done: Mutex<LastDone>,
    /// Keeps other processes out.
    _lock: Box<dyn Send + Sync>,
}

impl Logs {
    /// Opens the directory, which is made if it is missing. Partitions are opened one by one, later.
    ///
    /// # Errors
    /// When the directory cannot be written, is in use, belongs to another node, or holds damaged checkpoints.
    pub fn open(options: LogsOptions, storage: Arc<dyn Storage>) -> Result<Arc<Self>, LogError> {
        let dir = &options.dir;
        storage.create_dir(dir).map_err(LogError::io("create", dir))?;
        sync_ancestors(&*storage, dir);
        let lock = storage.lock(&dir.join(LOCK_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => LogError::Locked(dir.clone()),
            _ => LogError::io("lock", &dir.join(LOCK_FILE))(error),
        })?;
        let identity = identity::claim(&*storage, dir, options.node_id)?;
        let clean = take_clean_mark(&*storage, dir)?;
        let epoch = identity::begin_life(&*storage, dir, clean)?;
        remove_deleted(&*storage, dir).map_err(LogError::io("tidy", dir))?;
        let mut recovery_points = Checkpoint::open(Arc::clone(&storage), dir.join(RECOVERY_POINTS_FILE))?;
        if identity.is_new {
            recovery_points.create()?;
        }
        let shared = Arc::new(Shared {
            recovery_points,
            cleaned: Checkpoint::open(Arc::clone(&storage), dir.join(CLEANED_FILE))?,
            starts: Checkpoint::open(Arc::clone(&storage), dir.join(STARTS_FILE))?,
            storage,
            descriptors: Arc::default(),
            flusher: Arc::default(),
            flushes: Timing::default(),
        });
        let threads =
            shared.flusher.start(options.flushers).map_err(LogError::io("start threads for", dir))?;
        let stop: Arc<Stop> = Arc::default();
        let logs = Arc::new(Self {
            identity,
            shared,
            clean,
            epoch,
            partitions: RwLock::default(),
            threads: Mutex::new(threads),
            stop: Arc::clone(&stop),
            last_done: Mutex::default(),
            _lock: lock,
            options,
        });
        if logs.options.background {
            let failed = |error| LogError::io("start threads for", &logs.options.dir)(error);
            let keeper = keeper::start(&logs, Arc::clone(&stop)).map_err(failed)?;
            let cleaner = cleaner::start(&logs, stop).map_err(failed)?;
            logs.threads.lock().extend([keeper, cleaner]);
        }
        Ok(logs)
    }

    /// The id of the cluster, drawn when the directory was made.
    pub fn cluster_id(&self) -> &str {
        &self.identity.cluster_id
    }

    /// The directory of the logs, absolute where that can be told, and the room in its file system if that is known.
    pub fn place(&self) -> (PathBuf, Option<Space>) {
        let dir = &self.options.dir;
        (std::path::absolute(dir).unwrap_or_else(|_| dir.clone()), self.shared.storage.space(dir).ok())
    }

    /// How long flushes took since the start.
    pub(crate) fn flushes(&self) -> Durations {
        self.shared.flushes.read()
    }

    /// The leader epoch of this life of the broker.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// A partition that was opened.
    pub fn partition(&self, topic: &str, partition: PartitionIndex) -> Option<Arc<Partition>> {
        self.partitions.read().get(&(topic, partition)).cloned()
    }

    /// All partitions that were opened.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().values().cloned().collect()
    }

    /// The partitions that the storage has not failed and nobody has deleted.
    pub(super) fn serving(&self) -> impl Iterator<Item = Arc<Partition>> {
        self.partitions().into_iter().filter(|partition| !partition.is_offline() && !partition.is_deleted())
    }

    /// Opens a partition, or returns it if it is open. One that was never written to has no files and costs nothing.
    /// One whose files are beyond repair is opened offline, and the log says why.
    ///
    /// # Errors
    /// When the directory of an earlier topic of this name cannot be removed.
    pub fn open_partition(
        &self,
        topic: &str,
        topic_id: Uuid,
        index: PartitionIndex,
        config: Arc<LogConfig>,
    ) -> Result<Arc<Partition>, LogError> {
        // Held throughout: of two that open the same partition one must wait for the other.
        let partitions = &mut *self.partitions.write();
        if let Some(open) = partitions.get(&(topic, index)) {
            return Ok(Arc::clone(open));
        }
        let name = TopicPartition::new(topic, index);
        let dir = self.options.dir.join(name.to_string());
        let home = LogHome {
            dir,
            topic_id,
            storage: Arc::clone(&self.shared.storage),
            descriptors: Arc::clone(&self.shared.descriptors),
        };
        let partition = Arc::new(self.load(name.clone(), home, config)?);
        partitions.insert(name, Arc::clone(&partition));
        Ok(partition)
    }

    fn load(
        &self,
        name: TopicPartition,
        home: LogHome,
        config: Arc<LogConfig>,
    ) -> Result<Partition, LogError> {
        let shared = Arc::clone(&self.shared);
        let empty = || Log::empty(home.clone(), Arc::clone(&config), self.epoch);
        match owner_of(&home)? {
            Owner::Nobody => return Ok(Partition::new(name, shared, empty())),
            Owner::Other => {
                self.remove_directory(&name, &home.dir)?;
                return Ok(Partition::new(name, shared, empty()));
            }
            Owner::Us => {}
        }
        let past = Past {
            clean: self.clean,
            recovery_point: shared.recovery_points.get(&name).unwrap_or_default(),
            gaps: !shared.recovery_points.existed(),
            start: shared.starts.get(&name).unwrap_or_default(),
            epoch: self.epoch,
        };
        match recovery::load(home.clone(), Arc::clone(&config), past) {
            Ok(log) => Ok(Partition::new(name, shared, log)),
            Err(why) => {
                let partition = Partition::new(name, shared, empty());
                partition.fail_to_open(self.explain(partition.name(), why));
                Ok(partition)
            }
        }
    }

    /// Says in the log why a partition is offline and what brings it back.
    fn explain(&self, name: &TopicPartition, why: Unrecoverable) -> String {
        let cut = |offset: Offset| {
            let (dir, topic, partition) = (self.options.dir.display(), &name.topic, name.partition);
            format!("millstream log cut --data {dir} --topic {topic} --partition {partition} --at {offset}")
        };
        let (reason, remedy) = match why {
            Unrecoverable::Io(error) => {
                (format!("its files cannot be read: {error}"), "repair the disk".to_owned())
            }
            Unrecoverable::BadBatch { offset, reason } => (
                format!("valid batches follow a bad one at offset {offset} ({reason})"),
                format!("restore the files, or give up what follows with: {}", cut(offset)),
            ),
            Unrecoverable::Short { end, recovery_point } => (
                format!("its files end at {end}, records up to {recovery_point} were synced"),
                format!("restore the files, or go on without these records with: {}", cut(end)),
            ),
        };
        tracing::error!(partition = %name, reason, remedy, "partition is offline");
        reason
    }

    /// Deletes a topic: its partitions serve nobody from here on and their files are removed.
    ///
    /// # Errors
    /// When a directory cannot be removed. The partitions are gone all the same.
    pub fn delete_topic(&self, topic: &str, topic_id: Uuid) -> Result<(), LogError> {
        let doomed: Vec<Arc<Partition>> = {
            let partitions = &mut *self.partitions.write();
            let doomed =
                |partition: &Partition| &*partition.name().topic == topic && partition.topic_id() == topic_id;
            partitions.extract_if(|_, partition| doomed(partition)).map(|(_, partition)| partition).collect()
        };
        for partition in &doomed {
            partition.delete();
            self.remove_directory(partition.name(), &partition.dir)?;
        }
        Ok(())
    }

    /// The partitions that have a directory.
    pub(crate) fn on_disk(&self) -> Result<Vec<TopicPartition>, LogError> {
        let entries =
            self.shared.storage.list(&self.options.dir).map_err(LogError::io("list", &self.options.dir))?;
        let dirs = entries.iter().filter(|entry| entry.is_dir);
        Ok(dirs.filter_map(|entry| TopicPartition::from_dir_name(&entry.name)).collect())
    }

    /// Removes the directories of partitions that `is_known` does not know: what a crash left of deleted topics.
    ///
    /// # Errors
    /// When the directory cannot be read or changed.
    pub fn remove_strays(
        &self,
        is_known: impl Fn(&str, Option<Uuid>, PartitionIndex) -> bool,
    ) -> Result<(), LogError> {
        for name in self.on_disk()? {
            let dir = self.options.dir.join(name.to_string());
            let id = read_topic_id(&*self.shared.storage, &dir);
            if !is_known(&name.topic, id, name.partition) {
                tracing::warn!(partition = %name, "removing the log of a topic that is not in the metadata");
                self.remove_directory(&name, &dir)?;
            }
        }
        Ok(())
    }

    /// Renames the directory, so that it cannot be taken for the partition again, forgets its checkpoints, removes it.
    fn remove_directory(&self, name: &TopicPartition, dir: &Path) -> Result<(), LogError> {
        let storage = &self.shared.storage;
        let doomed = self.options.dir.join(format!("{name}.{}{DELETED_DIR}", Uuid::new_v4().simple()));
        match storage.rename(dir, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(LogError::io("rename", dir))?,
        }
        storage.sync_dir(&self.options.dir).map_err(LogError::io("sync", &self.options.dir))?;
        // A new topic of this name must not be believed to have been synced so far.
        self.shared.recovery_points.update(|points| points.retain(|known, _| known != name))?;
        self.shared.starts.update(|starts| starts.retain(|known, _| known != name))?;
        self.shared.cleaned.update(|cleaned| cleaned.retain(|known, _| known != name))?;
        storage.remove_dir(&doomed).map_err(LogError::io("remove", &doomed))
    }

    /// Writes down how far each log is synced, so that a start after a crash scans less.
    ///
    /// # Errors
    /// When a checkpoint cannot be written.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        let partitions = self.partitions();
        self.shared.recovery_points.update(|points| {
            for partition in partitions.iter().filter(|partition| !partition.is_deleted()) {
                let log = partition.log.lock();
                if log.active.is_some() {
                    points.insert(partition.name().clone(), log.durable.offset);
                }
            }
        })
    }

    /// Flushes and closes everything, so that the next start is a clean one and scans nothing. Appends after this
    /// are lost.
    ///
    /// # Errors
    /// When something cannot be written, or not in time; the next start then recovers.
    pub fn close(&self) -> Result<(), LogError> {
        self.shared.flusher.close();
        self.stop.stop();
        if !self.join_threads() {
            let dir = &self.options.dir;
            return Err(LogError::io("sync", dir)(io::ErrorKind::TimedOut.into()));
        }
        let mut all_closed = true;
        for partition in self.partitions() {
            all_closed &= partition.close();
        }
        self.checkpoint()?;
        if all_closed {
            self.leave_clean_mark()?;
        }
        Ok(())
    }

    /// Waits for the threads, but not for ever: one may hang in a sync. Returns whether all have ended.
    fn join_threads(&self) -> bool {
        const LOOK_EVERY: Duration = Duration::from_millis(1);
        let deadline = Instant::now() + self.options.close_patience;
        for thread in self.threads.lock().drain(..) {
            while !thread.is_finished() {
                if Instant::now() >= deadline {
                    return false;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            // A thread that panicked has nothing to add: its partition was not flushed, and will be.
            let _ = thread.join();
        }
        true
    }

    fn leave_clean_mark(&self) -> Result<(), LogError> {
        let path = self.options.dir.join(CLEAN_SHUTDOWN_FILE);
        self.shared.storage.replace(&path, b"").map_err(LogError::io("write", &path))
    }
}

impl Drop for Logs {
    /// Without [`Logs::close`] the next start recovers; the threads end when they have flushed what is queued.
    fn drop(&mut self) {
        self.shared.flusher.close();
        self.stop.stop();
    }
}

impl Shared {
    /// Makes a moved log start durable.
    pub(super) fn checkpoint_start(&self, name: &TopicPartition, start: Offset) -> Result<(), LogError> {
        self.starts.update(|starts| {
            starts.insert(name.clone(), start);
        })
    }
}

/// Whose a directory is.
enum Owner {
    Nobody,
    Us,
    Other,
}

fn owner_of(home: &LogHome) -> Result<Owner, LogError> {
    match home.storage.list(&home.dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Owner::Nobody),
        result => result.map_err(LogError::io("list", &home.dir))?,
    };
    match read_topic_id(&*home.storage, &home.dir) {
        Some(id) if id != home.topic_id => {
            let (found, expected) = (print_id(id), print_id(home.topic_id));
            tracing::warn!(dir = %home.dir.display(), found, expected, "removing the log of an earlier topic");
            Ok(Owner::Other)
        }
        // A file that a crash left empty says nothing: the directory is ours by its name.
        _ => Ok(Owner::Us),
    }
}

fn read_topic_id(storage: &dyn Storage, dir: &Path) -> Option<Uuid> {
    let bytes = storage.read_small(&dir.join(METADATA_FILE), MAX_SMALL_FILE).ok()?;
    partition_metadata::from_text(std::str::from_utf8(&bytes).ok()?)
}

/// Makes the directory's own name durable. Ancestors that we may not open were there before us.
fn sync_ancestors(storage: &dyn Storage, dir: &Path) {
    for ancestor in dir.ancestors().skip(1) {
        let ancestor = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        if storage.sync_dir(ancestor).is_err() {
            return;
        }
    }
}

/// Whether the last life closed its logs. The mark is gone durably before anything is written.
fn take_clean_mark(storage: &dyn Storage, dir: &Path) -> Result<bool, LogError> {
    let path = dir.join(CLEAN_SHUTDOWN_FILE);
    if storage.open(&path, Access::Read).is_err() {
        return Ok(false);
    }
    storage.remove_file(&path).map_err(LogError::io("remove", &path))?;
    storage.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    Ok(true)
}

fn remove_deleted(storage: &dyn Storage, dir: &Path) -> io::Result<()> {
    for entry in storage.list(dir)?.iter().filter(|entry| entry.is_dir && entry.name.ends_with(DELETED_DIR)) {
        storage.remove_dir(&dir.join(&entry.name))?;
    }
    Ok(())
}
