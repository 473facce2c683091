use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::rocksdb::{ColumnFamily, ColumnFamilyDescriptor, DB, FlushOptions, WriteBatch};

use super::budget::Unflushed;
use super::{MemoryBudget, RocksBackend};
use crate::store::error::StoreError;

/// The column family of the changelog positions.
pub(super) const OFFSETS: &str = "offsets";

/// The database of one task, shared by the backends of its stores.
pub struct TaskDatabase {
    db: DB,
    /// All column families, for flushing them together.
    families: Vec<String>,
    /// When to flush.
    limit: Unflushed,
    /// Written since the last flush, by all stores together. Atomic because the backends share the database through an
    /// `Arc`, not because threads race: all of them belong to the task's thread.
    unflushed_records: AtomicU64,
    unflushed_bytes: AtomicU64,
}

impl TaskDatabase {
    /// Opens (or creates) the database in `path` with a column family for each of `stores`.
    ///
    /// Families of stores that the topology no longer has are kept: a program that is rolled back finds its state.
    pub fn open(path: &Path, stores: &[&str], budget: &MemoryBudget) -> Result<Arc<Self>, StoreError> {
        Self::open_families(path, stores, budget)
            .map(Arc::new)
            .map_err(|error| StoreError::backend(&path.display().to_string(), error))
    }

    fn open_families(path: &Path, stores: &[&str], budget: &MemoryBudget) -> Result<Self, ::rocksdb::Error> {
        let options = budget.database_options();
        let mut families = vec!["default".to_owned(), OFFSETS.to_owned()];
        families.extend(stores.iter().map(|store| family_of(store)));
        if path.join("CURRENT").exists() {
            families.extend(DB::list_cf(&options, path)?);
        }
        families.sort();
        families.dedup();
        let descriptors =
            families.iter().map(|name| ColumnFamilyDescriptor::new(name, budget.store_options()));
        Ok(Self {
            db: DB::open_cf_descriptors(&options, path, descriptors)?,
            families,
            limit: budget.unflushed,
            unflushed_records: AtomicU64::new(0),
            unflushed_bytes: AtomicU64::new(0),
        })
    }

    /// The backend of one of the stores that the database was opened with.
    pub fn store(self: &Arc<Self>, name: &str) -> Result<RocksBackend, StoreError> {
        RocksBackend::open(Arc::clone(self), name, family_of(name))
    }

    /// Flushes all stores and positions as of one moment, and waits until they are on disk.
    pub(super) fn flush(&self) -> Result<(), ::rocksdb::Error> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        let families: Vec<&ColumnFamily> = self.families.iter().map(|name| self.family(name)).collect();
        self.db.flush_cfs_opt(&families, &options)?;
        self.unflushed_records.store(0, Ordering::Relaxed);
        self.unflushed_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a batch, and flushes when what a crash would cost reaches its bound.
    pub(super) fn write(&self, batch: WriteBatch) -> Result<(), ::rocksdb::Error> {
        let (records, bytes) = (batch.len() as u64, batch.size_in_bytes() as u64);
        self.db.write_without_wal(batch)?;
        let records = self.unflushed_records.fetch_add(records, Ordering::Relaxed) + records;
        let bytes = self.unflushed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if records >= self.limit.records || bytes >= self.limit.bytes {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn db(&self) -> &DB {
        &self.db
    }

    #[expect(
        clippy::expect_used,
        reason = "the database was opened with every family of its stores, and none is ever dropped"
    )]
    pub(super) fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("a family the database was opened with")
    }
}

impl std::fmt::Debug for TaskDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskDatabase").field("path", &self.db.path()).finish_non_exhaustive()
    }
}

/// Prefixed, so that a store may be called `default` or `offsets`.
fn family_of(store: &str) -> String {
    format!("kv.{store}")
}
