use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, FlushOptions, MultiThreaded, WriteBatch,
};
use parking_lot::Mutex;

use super::budget::Unflushed;
use super::{MemoryBudget, RocksBackend, RocksWindowBackend};
use crate::store::error::StoreError;
use crate::topology::WindowSpec;

/// The column family of the changelog positions.
pub(super) const OFFSETS: &str = "offsets";

/// Column families come and go with the segments of window stores while backends share the database.
pub(super) type Database = DBWithThreadMode<MultiThreaded>;

/// The database of one task, shared by the backends of its stores.
pub struct TaskDatabase {
    db: Database,
    /// All column families, for flushing them together. A lock because the backends share the database through an `Arc`, not
    /// because threads race.
    families: Mutex<Vec<String>>,
    /// What new families are made with.
    budget: MemoryBudget,
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
            families.extend(Database::list_cf(&options, path)?);
        }
        families.sort();
        families.dedup();
        let descriptors =
            families.iter().map(|name| ColumnFamilyDescriptor::new(name, budget.store_options()));
        Ok(Self {
            db: Database::open_cf_descriptors(&options, path, descriptors)?,
            families: Mutex::new(families),
            budget: budget.clone(),
            limit: budget.unflushed,
            unflushed_records: AtomicU64::new(0),
            unflushed_bytes: AtomicU64::new(0),
        })
    }

    /// The backend of one of the stores that the database was opened with.
    pub fn store(self: &Arc<Self>, name: &str) -> Result<RocksBackend, StoreError> {
        RocksBackend::open(Arc::clone(self), name, family_of(name))
    }

    /// The backend of a window store; its segments need not be named when the database is opened.
    pub fn windows(
        self: &Arc<Self>,
        name: &str,
        windows: WindowSpec,
    ) -> Result<RocksWindowBackend, StoreError> {
        RocksWindowBackend::open(Arc::clone(self), name, windows)
    }

    pub(super) fn families(&self) -> Vec<String> {
        self.families.lock().clone()
    }

    pub(super) fn create_family(&self, name: &str) -> Result<(), ::rocksdb::Error> {
        self.db.create_cf(name, &self.budget.store_options())?;
        self.families.lock().push(name.to_owned());
        Ok(())
    }

    pub(super) fn drop_family(&self, name: &str) -> Result<(), ::rocksdb::Error> {
        self.families.lock().retain(|family| family != name);
        self.db.drop_cf(name)
    }

    /// Flushes all stores and positions as of one moment, and waits until they are on disk.
    pub(super) fn flush(&self) -> Result<(), ::rocksdb::Error> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        let names = self.families.lock();
        let families: Vec<_> = names.iter().map(|name| self.family(name)).collect();
        self.db.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)?;
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

    pub(super) fn db(&self) -> &Database {
        &self.db
    }

    #[expect(
        clippy::expect_used,
        reason = "the database was opened with every family of its stores, and segments are dropped by their store"
    )]
    pub(super) fn family(&self, name: &str) -> Arc<BoundColumnFamily<'_>> {
        self.db.cf_handle(name).expect("a family of the database")
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
