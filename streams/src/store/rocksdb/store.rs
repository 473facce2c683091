use std::mem;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ::rocksdb::{DBRawIterator, ReadOptions, WriteBatch};
use uuid::Uuid;

use super::TaskDatabase;
use super::database::OFFSETS;
use crate::store::backend::{self, Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;

/// Bytes of a changelog position.
const POSITION_LEN: usize = 32;

/// One store of a task: a column family of the task's database.
pub struct RocksBackend {
    database: Arc<TaskDatabase>,
    store: String,
    family: String,
    /// The open batch. RocksDB's own format, so that an entry is copied once on its way to the memtable.
    staged: WriteBatch,
    /// What the offsets family holds, kept here because every commit asks for it.
    position: Option<Checkpoint>,
}

impl RocksBackend {
    pub(super) fn open(database: Arc<TaskDatabase>, store: &str, family: String) -> Result<Self, StoreError> {
        let stored = database
            .db()
            .get_cf(database.family(OFFSETS), store)
            .map_err(|error| StoreError::backend(store, error))?;
        let position = stored.map(|bytes| decode(store, &bytes)).transpose()?;
        Ok(Self { database, store: store.to_owned(), family, staged: WriteBatch::default(), position })
    }

    fn failed(&self, error: ::rocksdb::Error) -> StoreError {
        StoreError::backend(&self.store, error)
    }
}

impl KeyValueBackend for RocksBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        value.clear();
        let family = self.database.family(&self.family);
        let found = self.database.db().get_pinned_cf(family, key).map_err(|error| self.failed(error))?;
        if let Some(bytes) = &found {
            value.extend_from_slice(bytes);
        }
        Ok(found.is_some())
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        let family = self.database.family(&self.family);
        match value {
            Some(value) => self.staged.put_cf(family, key, value),
            None => self.staged.delete_cf(family, key),
        }
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        let mut batch = mem::take(&mut self.staged);
        if let Position::At(checkpoint) = position {
            batch.put_cf(self.database.family(OFFSETS), &self.store, encode(checkpoint));
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
        if backend::is_empty(&range) {
            return Ok(());
        }
        let (lower, upper) = half_open(&range);
        let mut options = ReadOptions::default();
        if let Some(lower) = lower {
            options.set_iterate_lower_bound(lower);
        }
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        let family = self.database.family(&self.family);
        let mut entries = self.database.db().raw_iterator_cf_opt(family, options);
        match direction {
            Direction::Forward => entries.seek_to_first(),
            Direction::Reverse => entries.seek_to_last(),
        }
        visit_all(&mut entries, direction, visit);
        entries.status().map_err(|error| self.failed(error))
    }

    fn approximate_len(&self) -> u64 {
        let family = self.database.family(&self.family);
        let estimate = self.database.db().property_int_value_cf(family, "rocksdb.estimate-num-keys");
        estimate.ok().flatten().unwrap_or(0)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        self.scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        self.staged.clear();
        for key in keys {
            self.stage(&key, None);
        }
        self.staged.delete_cf(self.database.family(OFFSETS), &self.store);
        self.position = None;
        self.write(Position::Unchanged)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.database.flush().map_err(|error| self.failed(error))
    }
}

fn visit_all(entries: &mut DBRawIterator<'_>, direction: Direction, visit: Visit<'_>) {
    while let Some((key, value)) = entries.item() {
        if visit(key, value).is_break() {
            return;
        }
        match direction {
            Direction::Forward => entries.next(),
            Direction::Reverse => entries.prev(),
        }
    }
}

/// RocksDB's bounds are inclusive below and exclusive above; the key right after `k` is `k` with a zero byte.
fn half_open(range: &KeyRange<'_>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let after = |key: &[u8]| [key, &[0]].concat();
    let lower = match range.0 {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(key.to_vec()),
        Bound::Excluded(key) => Some(after(key)),
    };
    let upper = match range.1 {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(after(key)),
        Bound::Excluded(key) => Some(key.to_vec()),
    };
    (lower, upper)
}

fn encode(checkpoint: Checkpoint) -> [u8; POSITION_LEN] {
    let mut bytes = [0; POSITION_LEN];
    bytes[..8].copy_from_slice(&checkpoint.next_offset.to_be_bytes());
    bytes[8..16].copy_from_slice(&checkpoint.written_at.to_be_bytes());
    bytes[16..].copy_from_slice(checkpoint.changelog_id.as_bytes());
    bytes
}

fn decode(store: &str, bytes: &[u8]) -> Result<Checkpoint, StoreError> {
    let Ok(bytes) = <&[u8; POSITION_LEN]>::try_from(bytes) else {
        return Err(StoreError::Corrupt {
            store: store.to_owned(),
            what: format!("its changelog position has {} bytes instead of {POSITION_LEN}", bytes.len()),
        });
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, id @ ..] = *bytes;
    Ok(Checkpoint {
        next_offset: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        written_at: i64::from_be_bytes([i, j, k, l, m, n, o, p]),
        changelog_id: Uuid::from_bytes(id),
    })
}
