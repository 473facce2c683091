use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, FlushOptions, MultiThreaded, Options,
    WriteBatch,
};
use parking_lot::Mutex;

use super::budget::Unflushed;
use super::filters::Filters;
use super::load::LoadBudget;
use super::{MemoryBudget, RocksBackend, RocksWindowBackend, windows};
use crate::store::RocksOptions;
use crate::store::error::StoreError;
use crate::topology::WindowSpec;

/// The column family of the changelog positions.
pub(super) const OFFSETS: &str = "offsets";

/// What the names of the column families of key-value stores begin with.
const STORE: &str = "kv.";

/// What the names of table files begin with that are not the database's yet.
const LOAD_FILE: &str = "load-";

/// So many records a deleted range counts for in what may be unflushed: whoever reads a memtable looks at all that it has.
const RECORDS_PER_RANGE: u64 = 1_000;

/// Families of window stores are made, and made anew, while backends share the database.
pub(super) type Database = DBWithThreadMode<MultiThreaded>;

/// The database of one task, shared by the backends of its stores.
pub struct TaskDatabase {
    db: Database,
    /// All column families, for flushing them together. A lock because a store that is being loaded flushes from a thread of
    /// its own.
    families: Mutex<Vec<String>>,
    /// What new families are made with.
    options: StoreOptions,
    /// What its memtables have of the budget of filters, until it closes.
    _filters: Filters,
    /// When to flush.
    limit: Unflushed,
    /// Written since the last flush, by all stores together. Atomic as the families are locked.
    unflushed_records: AtomicU64,
    unflushed_bytes: AtomicU64,
    /// Numbers the table files that are made outside of the database.
    load_files: AtomicU64,
}

impl TaskDatabase {
    /// Opens (or creates) the database in `path` with a column family for each of `stores`.
    ///
    /// Families of stores that the topology no longer has are kept: a program that is rolled back finds its state.
    pub fn open(path: &Path, stores: &[&str], budget: &MemoryBudget) -> Result<Arc<Self>, StoreError> {
        Self::open_with(path, stores, budget, BTreeMap::new())
    }

    /// The same, with options of their own for some stores, window stores among them.
    pub fn open_with(
        path: &Path,
        stores: &[&str],
        budget: &MemoryBudget,
        options: BTreeMap<String, RocksOptions>,
    ) -> Result<Arc<Self>, StoreError> {
        Self::open_families(path, stores, budget, StoreOptions::new(budget.clone(), options))
            .map(Arc::new)
            .map_err(|error| StoreError::backend(&path.display().to_string(), error))
    }

    fn open_families(
        path: &Path,
        stores: &[&str],
        budget: &MemoryBudget,
        store_options: StoreOptions,
    ) -> Result<Self, ::rocksdb::Error> {
        delete_load_files(path);
        let options = budget.database_options();
        let mut families = vec!["default".to_owned(), OFFSETS.to_owned()];
        families.extend(stores.iter().map(|store| family_of(store)));
        if path.join("CURRENT").exists() {
            families.extend(Database::list_cf(&options, path)?);
        }
        families.sort();
        families.dedup();
        let mut filters = budget.filters.open();
        let descriptors = families
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, store_options.with_filters(name, &mut filters)));
        Ok(Self {
            db: Database::open_cf_descriptors(&options, path, descriptors)?,
            families: Mutex::new(families),
            _filters: filters,
            options: store_options,
            limit: budget.unflushed,
            unflushed_records: AtomicU64::new(0),
            unflushed_bytes: AtomicU64::new(0),
            load_files: AtomicU64::new(0),
        })
    }

    /// The backend of one of the stores that the database was opened with.
    pub fn store(self: &Arc<Self>, name: &str) -> Result<RocksBackend, StoreError> {
        RocksBackend::open(Arc::clone(self), name, family_of(name))
    }

    /// The backend of a window store; it need not be named when the database is opened.
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
        self.db.create_cf(name, &self.options.of(name))?;
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
        let counts = [&self.unflushed_records, &self.unflushed_bytes]
            .map(|count| (count, count.load(Ordering::Relaxed)));
        self.db.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)?;
        // What another thread has written since may not be in it.
        for (count, flushed) in counts {
            count.fetch_sub(flushed, Ordering::Relaxed);
        }
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

    /// Writes a batch, and deletes with it what a family has in a range of keys, the last of them not among it.
    pub(super) fn write_and_expire<K: AsRef<[u8]>>(
        &self,
        mut batch: WriteBatch,
        family: &str,
        [first, behind]: [K; 2],
    ) -> Result<(), ::rocksdb::Error> {
        let family = self.family(family);
        batch.delete_range_cf(&family, first.as_ref(), behind.as_ref());
        self.unflushed_records.fetch_add(RECORDS_PER_RANGE, Ordering::Relaxed);
        self.write(batch)?;
        // Files that hold nothing else go at once, unread.
        self.db.delete_file_in_range_cf(&family, first, behind)
    }

    /// What the table files of a family are made with.
    pub(super) fn table_options(&self, family: &str) -> Options {
        self.options.of(family)
    }

    /// What loads may take together.
    pub(super) fn load_budget(&self) -> &LoadBudget {
        &self.options.budget.loads
    }

    /// Where a table file is made that the database takes over: on its own disk.
    pub(super) fn next_load_file(&self) -> PathBuf {
        let number = self.load_files.fetch_add(1, Ordering::Relaxed);
        self.db.path().join(format!("{LOAD_FILE}{number}"))
    }

    pub(super) fn db(&self) -> &Database {
        &self.db
    }

    #[expect(
        clippy::expect_used,
        reason = "the database was opened with every family of its stores, or their backends have made it"
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

/// Deletes the table files that a crash has left before the database had taken them over.
fn delete_load_files(path: &Path) {
    let Ok(files) = path.read_dir() else { return };
    let left = files.flatten().filter(|file| file.file_name().to_string_lossy().starts_with(LOAD_FILE));
    for file in left {
        if let Err(error) = std::fs::remove_file(file.path()) {
            tracing::warn!(path = %file.path().display(), %error, "what an interrupted restore has left stays there");
        }
    }
}

/// What families are made with: the budget's, and what stores have chosen.
pub(super) struct StoreOptions {
    budget: MemoryBudget,
    /// By the name of the store.
    chosen: BTreeMap<String, RocksOptions>,
}

impl StoreOptions {
    pub(super) fn new(budget: MemoryBudget, chosen: BTreeMap<String, RocksOptions>) -> Self {
        Self { budget, chosen }
    }

    fn of(&self, family: &str) -> Options {
        self.budget.store_options(&self.chosen_for(family), false)
    }

    /// The same, its memtables with a filter if the family is that of a store with filters and there is memory for it. Windows
    /// that are read were written just before, and have none.
    fn with_filters(&self, family: &str, filters: &mut Filters) -> Options {
        let chosen = self.chosen_for(family);
        let is_store = family.starts_with(STORE) && chosen.bloom_bits > 0;
        let is_filtered = is_store && filters.lend(self.budget.memtable_bytes(&chosen));
        self.budget.store_options(&chosen, is_filtered)
    }

    /// What the store has chosen that the family belongs to.
    pub(super) fn chosen_for(&self, family: &str) -> RocksOptions {
        let is_of = |store: &str| family == family_of(store) || family == windows::family_of(store);
        let chosen = self.chosen.iter().find(|(store, _)| is_of(store));
        chosen.map_or(RocksOptions::new(), |(_, options)| *options)
    }
}

/// Prefixed, so that a store may be called `default` or `offsets`.
fn family_of(store: &str) -> String {
    format!("{STORE}{store}")
}
