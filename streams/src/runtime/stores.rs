//! Opening the stores of tasks on this machine.

use std::path::Path;
use std::sync::Arc;

use super::StateDirectory;
use super::config::StreamsConfig;
use super::worker::{Backends, Opened, WorkerError};
#[cfg(feature = "rocksdb")]
use crate::store::backend::KeyValueBackend;
#[cfg(feature = "rocksdb")]
use crate::store::error::StoreError;
use crate::store::memory;
#[cfg(feature = "rocksdb")]
use crate::store::rocksdb::{MemoryBudget, TaskDatabase};
use crate::task::TaskId;
use crate::topology::{Medium, StoreSpec};

/// Where the stores of all threads of a process live. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    directory: Arc<StateDirectory>,
    /// Shared by every database of the process.
    #[cfg(feature = "rocksdb")]
    budget: MemoryBudget,
}

impl Stores {
    pub(crate) fn new(
        directory: Arc<StateDirectory>,
        #[cfg_attr(not(feature = "rocksdb"), expect(unused_variables, reason = "only RocksDB has limits"))]
        config: &StreamsConfig,
    ) -> Self {
        Self {
            directory,
            #[cfg(feature = "rocksdb")]
            budget: MemoryBudget::new(config.state_memory_bytes)
                .flush_at(config.flush_records, config.flush_bytes),
        }
    }

    /// The stores of a task, in the order of `specs`.
    pub(crate) fn open(&self, task: TaskId, specs: &[StoreSpec]) -> Result<Opened, WorkerError> {
        let lock = Some(self.directory.lock(task)?);
        let directory = self.directory.task(task)?;
        Ok(Opened { backends: self.open_at(&directory, task, specs)?, lock })
    }

    /// The stores of a task in this directory.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn open_at(
        &self,
        directory: &Path,
        task: TaskId,
        specs: &[StoreSpec],
    ) -> Result<Backends, WorkerError> {
        let failed = |source| WorkerError::Store { task, source };
        let on_disk = || specs.iter().filter(|spec| spec.medium == Medium::Disk);
        let database = if on_disk().next().is_none() {
            None
        } else {
            let plain = on_disk().filter(|spec| spec.windows.is_none());
            let names: Vec<&str> = plain.map(|spec| spec.name.as_str()).collect();
            let path = directory.join("rocksdb");
            let options = on_disk().map(|spec| (spec.name.clone(), spec.rocksdb)).collect();
            Some(TaskDatabase::open_with(&path, &names, &self.budget, options).map_err(failed)?)
        };
        let open = |spec: &StoreSpec| match (&database, spec.medium) {
            (Some(database), Medium::Disk) => on_disk_in(database, spec).map_err(failed),
            _ => Ok(memory::open(spec)),
        };
        specs.iter().map(open).collect()
    }

    /// Built without RocksDB every store is in memory.
    #[cfg(not(feature = "rocksdb"))]
    pub(crate) fn open_at(
        &self,
        _directory: &Path,
        task: TaskId,
        specs: &[StoreSpec],
    ) -> Result<Backends, WorkerError> {
        if specs.iter().any(|spec| spec.medium == Medium::Disk) {
            tracing::warn!(%task, "built without the feature `rocksdb`: stores are in memory and restored at every start");
        }
        Ok(specs.iter().map(memory::open).collect())
    }
}

#[cfg(feature = "rocksdb")]
fn on_disk_in(
    database: &Arc<TaskDatabase>,
    spec: &StoreSpec,
) -> Result<Box<dyn KeyValueBackend>, StoreError> {
    Ok(match spec.windows {
        Some(windows) => Box::new(database.windows(&spec.name, windows)?),
        None => Box::new(database.store(&spec.name)?),
    })
}
