//! Filling a store from its changelog: what comes is collected, sorted, and handed to RocksDB as a finished table, which is
//! cheaper than many inserts into a skip list whose nodes lie all over the memory.
//!
//! ```text
//! stage ──► run ──full──► thread: sort ──► table file ──► ingested ──► position, flushed
//!            ▲                                                            │
//!            └──────────────── the next run fills meanwhile ◄─────────────┘
//! ```
//!
//! The position follows its data: a crash in between leaves more in the store than its position says. That is safe here and
//! nowhere else: whoever restores again writes the same records of the changelog over it, up to the same end.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};

use ::rocksdb::{Error, IngestExternalFileOptions, SstFileWriter, WriteBatch};

use super::TaskDatabase;
use super::run::Run;
use crate::store::backend::{Checkpoint, Position};
use crate::store::error::StoreError;

/// The least that a run may hold, however many stores are being filled.
const MIN_RUN_BYTES: usize = 256 << 10;

/// A run of fewer entries is written as any other batch: a file would cost more.
const MIN_RUN_ENTRIES: usize = 10_000;

/// The memory that all loads of a process share.
#[derive(Debug, Clone)]
pub(super) struct LoadBudget {
    bytes: usize,
    /// Loads that are under way on any thread.
    loads: Arc<AtomicUsize>,
}

impl LoadBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, loads: Arc::default() }
    }

    /// What one run may take: each load has two, one that fills and one that is written.
    fn run_bytes(&self) -> usize {
        let runs = 2 * self.loads.load(Ordering::Relaxed).max(1);
        (self.bytes / runs).max(MIN_RUN_BYTES)
    }
}

/// One store on its way from the changelog to the disk.
pub(super) struct Load {
    table: Table,
    run: Run,
    /// The run before, which comes back empty.
    writing: Option<JoinHandle<Result<Run, Error>>>,
    /// What the entries so far are tied to.
    tied: Option<Checkpoint>,
    budget: LoadBudget,
    /// Why a run could not be written; the next [`write`](Self::write) says it.
    failure: Option<StoreError>,
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
        let budget = database.load_budget().clone();
        budget.loads.fetch_add(1, Ordering::Relaxed);
        let table =
            Table { database: Arc::clone(database), store: store.to_owned(), family: family.to_owned() };
        Self { table, run: Run::default(), writing: None, tied: None, budget, failure: None }
    }

    pub(super) fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        if !self.run.has_room_for(bytes) || self.run.weight() + bytes > self.budget.run_bytes() {
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
        self.wait().map(drop)
    }

    /// Hands the run to a thread of its own, once the one before is through.
    fn spill(&mut self) -> Result<(), StoreError> {
        let empty = self.wait()?;
        let run = mem::replace(&mut self.run, empty);
        let (table, tied) = (self.table.clone(), self.tied);
        let write = move || table.write(run, tied);
        let spawned = Builder::new().name("restore-writer".to_owned()).spawn(write);
        self.writing = Some(spawned.map_err(|error| StoreError::backend(&self.table.store, error))?);
        Ok(())
    }

    /// The memory of the run before, once it is written.
    fn wait(&mut self) -> Result<Run, StoreError> {
        let Some(writing) = self.writing.take() else { return Ok(Run::default()) };
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| StoreError::backend(&self.table.store, error);
        match writing.join() {
            Ok(written) => written.map_err(|error| failed(error.into())),
            Err(_) => Err(failed("the thread that sorted its entries panicked".into())),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Who opens the database next must find nobody in it.
        if let Err(error) = self.wait() {
            tracing::warn!("a restore that was given up: {error}");
        }
        self.budget.loads.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Table {
    fn write(&self, mut run: Run, tied: Option<Checkpoint>) -> Result<Run, Error> {
        let mut batch = WriteBatch::default();
        if run.len() < MIN_RUN_ENTRIES {
            let family = self.database.family(&self.family);
            run.visit_sorted(|key, value| {
                match value {
                    Some(value) => batch.put_cf(&family, key, value),
                    None => batch.delete_cf(&family, key),
                }
                Ok::<(), Error>(())
            })?;
        } else {
            self.ingest(&run)?;
        }
        if let Some(checkpoint) = tied {
            self.database.stage_position(&mut batch, &self.store, checkpoint);
        }
        self.database.write(batch)?;
        self.database.flush()?;
        run.clear();
        Ok(run)
    }

    fn ingest(&self, run: &Run) -> Result<(), Error> {
        let path = self.database.next_load_file();
        let options = self.database.table_options();
        let mut file = SstFileWriter::create(&options);
        file.open(&path)?;
        run.visit_sorted(|key, value| match value {
            Some(value) => file.put(key, value),
            None => file.delete(key),
        })?;
        file.finish()?;
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let family = self.database.family(&self.family);
        self.database.db().ingest_external_file_cf_opts(&family, &options, vec![path])
    }
}
