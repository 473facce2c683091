//! Filling a store from its changelog: what comes is collected, sorted, and handed to RocksDB as a finished table, which is
//! cheaper than many inserts into a skip list whose nodes lie all over the memory.
//!
//! ```text
//! stage ──► run ──full──► thread: sort ──► table file ──► ingested ──► position, flushed
//!            ▲            thread: sort ──► table file ──► waits for the run before ──► ...
//!            └──────────────── the next run fills meanwhile
//! ```
//!
//! The position follows its data: a crash in between leaves more in the store than its position says. That is safe here and
//! nowhere else: whoever restores again writes the same records of the changelog over it, up to the same end.

use std::collections::VecDeque;
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};

use ::rocksdb::{Cache, IngestExternalFileOptions, SstFileWriter, WriteBatch};
use parking_lot::Mutex;
use thiserror::Error;

use super::TaskDatabase;
use super::run::Run;
use crate::store::backend::{Checkpoint, Position};
use crate::store::error::StoreError;

/// The least that a run may hold, however many stores are being filled.
const MIN_RUN_BYTES: usize = 256 << 10;

/// A run of fewer entries and bytes is written as any other batch: a file would cost more. A batch is in memory twice more, in
/// its own buffer and in the memtable.
const MIN_FILE_ENTRIES: usize = 10_000;
const MIN_FILE_BYTES: usize = 2 << 20;

/// Runs of one load that are sorted and written at a time: while one waits for the disk another has the processor.
const MAX_WRITING: usize = 2;

/// The memory that all loads of a process share. The block cache lends it: while a load is under way the cache is smaller, so
/// that both together take no more than the cache alone did.
#[derive(Clone)]
pub(super) struct LoadBudget {
    bytes: usize,
    cache: Cache,
    /// What the cache may hold when nobody loads.
    cache_bytes: usize,
    /// Loads that are under way on any thread. Read for every entry, so it is no part of the lock.
    loads: Arc<AtomicUsize>,
    /// Held while the first load takes the memory or the last one gives it back.
    lending: Arc<Mutex<()>>,
}

impl LoadBudget {
    /// A share of a cache of `cache_bytes`.
    pub(super) fn new(bytes: usize, cache: Cache, cache_bytes: usize) -> Self {
        Self { bytes, cache, cache_bytes, loads: Arc::default(), lending: Arc::default() }
    }

    /// What one run may take: each load has one that fills beside those that are written.
    fn run_bytes(&self) -> usize {
        let runs = (MAX_WRITING + 1) * self.loads.load(Ordering::Relaxed).max(1);
        (self.bytes / runs).max(MIN_RUN_BYTES)
    }

    fn begin(&mut self) {
        let _lending = self.lending.lock();
        if self.loads.fetch_add(1, Ordering::Relaxed) == 0 {
            self.cache.set_capacity(self.cache_bytes - self.bytes);
        }
    }

    fn end(&mut self) {
        let _lending = self.lending.lock();
        if self.loads.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cache.set_capacity(self.cache_bytes);
        }
    }
}

/// One store on its way from the changelog to the disk.
pub(super) struct Load {
    table: Table,
    run: Run,
    /// The runs before, the oldest first; they come back empty.
    writing: VecDeque<JoinHandle<Result<Run, WriteError>>>,
    /// Told when the last of these is in the database.
    last: mpsc::Receiver<()>,
    /// What the entries so far are tied to.
    tied: Option<Checkpoint>,
    budget: LoadBudget,
    /// Why a run could not be written; the next [`write`](Self::write) says it.
    failure: Option<StoreError>,
}

#[derive(Debug, Error)]
enum WriteError {
    #[error(transparent)]
    Database(#[from] ::rocksdb::Error),
    /// What comes later must not be there without it.
    #[error("the entries before could not be written")]
    Before,
}

/// Where the entries go.
#[derive(Clone)]
struct Table {
    database: Arc<TaskDatabase>,
    store: String,
    family: String,
}

impl Load {
    pub(super) fn new(database: &Arc<TaskDatabase>, store: &str, family: &str) -> Self {
        let mut budget = database.load_budget().clone();
        budget.begin();
        let table =
            Table { database: Arc::clone(database), store: store.to_owned(), family: family.to_owned() };
        Self {
            table,
            run: Run::default(),
            writing: VecDeque::new(),
            last: done(),
            tied: None,
            budget,
            failure: None,
        }
    }

    pub(super) fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        if self.run.weight() + bytes > self.budget.run_bytes() {
            let spilled = self.spill();
            self.failure = self.failure.take().or(spilled.err());
        }
        self.run.push(key, value);
    }

    /// Everything staged so far belongs to this position.
    pub(super) fn write(&mut self, position: Position) -> Result<(), StoreError> {
        if let Position::At(checkpoint) = position {
            self.tied = Some(checkpoint);
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The last position that was told.
    pub(super) fn position(&self) -> Option<Checkpoint> {
        self.tied
    }

    /// Writes what is left, and waits until all of it is on disk.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        self.spill()?;
        self.wait_for_all()
    }

    /// Hands the run to a thread of its own, once there is room for one more.
    fn spill(&mut self) -> Result<(), StoreError> {
        let empty = if self.writing.len() < MAX_WRITING { Run::default() } else { self.wait()? };
        let run = mem::replace(&mut self.run, empty);
        let (table, tied) = (self.table.clone(), self.tied);
        // Named here, so that files are numbered in the order of their entries, whichever thread is the faster.
        let path = table.database.next_load_file();
        let (done, next) = mpsc::sync_channel(1);
        let before = mem::replace(&mut self.last, next);
        let write = move || {
            let run = table.write(run, path, tied, &before)?;
            // Nobody waits after the last one.
            let _ = done.send(());
            Ok(run)
        };
        let spawned = Builder::new().name("restore-writer".to_owned()).spawn(write);
        self.writing.push_back(spawned.map_err(|error| StoreError::backend(&self.table.store, error))?);
        Ok(())
    }

    fn wait_for_all(&mut self) -> Result<(), StoreError> {
        while !self.writing.is_empty() {
            self.wait()?;
        }
        Ok(())
    }

    /// The memory of the oldest run, once it is written.
    fn wait(&mut self) -> Result<Run, StoreError> {
        let Some(writing) = self.writing.pop_front() else { return Ok(Run::default()) };
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| StoreError::backend(&self.table.store, error);
        match writing.join() {
            Ok(written) => written.map_err(|error| failed(error.into())),
            Err(_) => Err(failed("the thread that sorted its entries panicked".into())),
        }
    }
}

/// What a run waits for that has none before it.
fn done() -> mpsc::Receiver<()> {
    let (done, next) = mpsc::sync_channel(1);
    let _ = done.send(());
    next
}

impl Drop for Load {
    fn drop(&mut self) {
        // Who opens the database next must find nobody in it.
        while !self.writing.is_empty() {
            if let Err(error) = self.wait() {
                tracing::warn!("a restore that was given up: {error}");
            }
        }
        self.budget.end();
    }
}

impl Table {
    fn write(
        &self,
        mut run: Run,
        path: PathBuf,
        tied: Option<Checkpoint>,
        before: &mpsc::Receiver<()>,
    ) -> Result<Run, WriteError> {
        let mut batch = WriteBatch::default();
        let file = if run.len() < MIN_FILE_ENTRIES && run.weight() < MIN_FILE_BYTES {
            run.put_into(&mut batch, &self.database.family(&self.family));
            None
        } else {
            Some(self.make_file(&run, path)?)
        };
        before.recv().map_err(|_| WriteError::Before)?;
        if let Some(path) = file {
            self.ingest(path)?;
        }
        if let Some(checkpoint) = tied {
            self.database.stage_position(&mut batch, &self.store, checkpoint);
        }
        self.database.write(batch)?;
        self.database.flush()?;
        run.clear();
        Ok(run)
    }

    fn make_file(&self, run: &Run, path: PathBuf) -> Result<PathBuf, ::rocksdb::Error> {
        let options = self.database.table_options(&self.family);
        let mut file = SstFileWriter::create(&options);
        file.open(&path)?;
        run.visit_sorted(|key, value| match value {
            Some(value) => file.put(key, value),
            None => file.delete(key),
        })?;
        file.finish()?;
        Ok(path)
    }

    fn ingest(&self, path: PathBuf) -> Result<(), ::rocksdb::Error> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let family = self.database.family(&self.family);
        self.database.db().ingest_external_file_cf_opts(&family, &options, vec![path])
    }
}
