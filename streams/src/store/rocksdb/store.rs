use std::mem;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ::rocksdb::WriteBatch;

use super::TaskDatabase;
use super::load::Load;
use super::run::Run;
use crate::store::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;

/// One store of a task: a column family of the task's database.
pub struct RocksBackend {
    database: Arc<TaskDatabase>,
    store: String,
    family: String,
    /// The open batch. It is written in the order of the keys: a memtable is a skip list, where the way to a key leads over the
    /// nodes of those before it, which are in the processor's cache then.
    staged: Run,
    /// What the offsets family holds, kept here because every commit asks for it.
    position: Option<Checkpoint>,
    /// While the store is filled from its changelog: takes what is staged.
    load: Option<Load>,
}

impl RocksBackend {
    pub(super) fn open(database: Arc<TaskDatabase>, store: &str, family: String) -> Result<Self, StoreError> {
        let position = database.position(store)?;
        Ok(Self { database, store: store.to_owned(), family, staged: Run::default(), position, load: None })
    }

    /// The first key in this direction.
    fn outermost(&self, direction: Direction) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.scan((Bound::Unbounded, Bound::Unbounded), direction, &mut |key, _| {
            found = Some(key.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn failed(&self, error: ::rocksdb::Error) -> StoreError {
        StoreError::backend(&self.store, error)
    }
}

impl KeyValueBackend for RocksBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.database.get(&self.family, key, value).map_err(|error| self.failed(error))
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some(load) = &mut self.load {
            return load.stage(key, value);
        }
        self.staged.push(key, value);
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        if let Some(load) = &mut self.load {
            return load.write(position);
        }
        let mut batch = WriteBatch::default();
        mem::take(&mut self.staged).put_into(&mut batch, &self.database.family(&self.family));
        if let Position::At(checkpoint) = position {
            self.database.stage_position(&mut batch, &self.store, checkpoint);
            self.position = Some(checkpoint);
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.database.write(batch).map_err(|error| self.failed(error))
    }

    fn position(&self) -> Option<Checkpoint> {
        self.position
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        let scanned = self.database.scan(&self.family, range, direction, visit);
        scanned.map(drop).map_err(|error| self.failed(error))
    }

    fn approximate_len(&self) -> u64 {
        self.database.approximate_len(&self.family)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let (first, last) = (self.outermost(Direction::Forward)?, self.outermost(Direction::Reverse)?);
        self.staged.clear();
        let mut batch = WriteBatch::default();
        if let (Some(first), Some(last)) = (first, last) {
            let family = self.database.family(&self.family);
            batch.delete_range_cf(&family, &first, &last);
            batch.delete_cf(&family, &last);
        }
        self.database.forget_position(&mut batch, &self.store);
        self.position = None;
        self.database.write(batch).map_err(|error| self.failed(error))
    }

    fn begin_load(&mut self) {
        self.load = Some(Load::new(&self.database, &self.store, &self.family));
    }

    fn end_load(&mut self) -> Result<(), StoreError> {
        if let Some(mut load) = self.load.take() {
            load.finish()?;
            self.position = load.position().or(self.position);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.end_load()?;
        self.database.flush().map_err(|error| self.failed(error))
    }
}
