use std::collections::BTreeMap;
use std::mem;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ::rocksdb::WriteBatch;

use super::TaskDatabase;
use crate::store::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;
use crate::store::window::{key, live_from};
use crate::topology::WindowSpec;

/// A window store of a task: a column family for each span of [`WindowSpec::segment_ms`] that has live windows. A segment in
/// which everything has expired is dropped as a whole, which costs nothing however much is in it.
pub struct RocksWindowBackend {
    database: Arc<TaskDatabase>,
    store: String,
    spec: WindowSpec,
    /// The column family of each segment by the first start (ms) that belongs to it.
    segments: BTreeMap<i64, String>,
    /// The latest start (ms) of a window that was staged; `-1` before the first.
    newest: i64,
    staged: WriteBatch,
    /// Why a segment could not be made; [`write`](KeyValueBackend::write) says it.
    failure: Option<StoreError>,
    position: Option<Checkpoint>,
    /// For the store's bytes of a changelog's key.
    scratch: Vec<u8>,
}

impl RocksWindowBackend {
    pub(super) fn open(
        database: Arc<TaskDatabase>,
        store: &str,
        spec: WindowSpec,
    ) -> Result<Self, StoreError> {
        let position = database.position(store)?;
        let mut backend = Self {
            database,
            store: store.to_owned(),
            spec,
            segments: BTreeMap::new(),
            newest: -1,
            staged: WriteBatch::default(),
            failure: None,
            position,
            scratch: Vec::new(),
        };
        backend.find_segments()?;
        backend.find_newest()?;
        Ok(backend)
    }

    /// Finds the segments that are there. If they were cut another way, because the retention was another one, the store
    /// cannot be read any more and is restored from its changelog.
    fn find_segments(&mut self) -> Result<(), StoreError> {
        let mut foreign = None;
        for family in self.database.families() {
            let Some((segment_ms, start)) = parse(&self.store, &family) else { continue };
            if segment_ms != self.spec.segment_ms {
                foreign = Some(segment_ms);
            }
            self.segments.insert(start, family);
        }
        if let Some(was) = foreign {
            let (store, is) = (&self.store, self.spec.segment_ms);
            tracing::warn!(%store, "segments of {was} ms became segments of {is} ms: the store is rebuilt from its changelog");
            self.clear()?;
        }
        Ok(())
    }

    fn find_newest(&mut self) -> Result<(), StoreError> {
        let mut newest = -1;
        self.scan((Bound::Unbounded, Bound::Unbounded), Direction::Reverse, &mut |key, _| {
            newest = key::start(key);
            ControlFlow::Break(())
        })?;
        self.newest = newest;
        Ok(())
    }

    fn live_from(&self) -> i64 {
        live_from(self.newest, self.spec.retention_ms)
    }

    fn segment_of(&self, start: i64) -> i64 {
        start / self.spec.segment_ms * self.spec.segment_ms
    }

    fn make_segment(&mut self, segment: i64) {
        let family = format!("win.{}.{}.{segment}", self.store, self.spec.segment_ms);
        match self.database.create_family(&family) {
            Ok(()) => drop(self.segments.insert(segment, family)),
            Err(error) => self.failure = Some(self.failed(error)),
        }
    }

    fn drop_expired(&mut self) -> Result<(), StoreError> {
        let live_from = self.live_from();
        while let Some(oldest) = self.segments.first_entry() {
            if oldest.key().saturating_add(self.spec.segment_ms) > live_from {
                break;
            }
            let family = oldest.remove();
            self.database.drop_family(&family).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn failed(&self, error: ::rocksdb::Error) -> StoreError {
        StoreError::backend(&self.store, error)
    }
}

impl KeyValueBackend for RocksWindowBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        value.clear();
        let start = key::start(key);
        match self.segments.get(&self.segment_of(start)) {
            Some(family) if start >= self.live_from() => {
                self.database.get(family, key, value).map_err(|error| self.failed(error))
            }
            _ => Ok(false),
        }
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        let start = key::start(key);
        self.newest = self.newest.max(start);
        if start < self.live_from() {
            return;
        }
        let segment = self.segment_of(start);
        if !self.segments.contains_key(&segment) {
            self.make_segment(segment);
        }
        let Some(family) = self.segments.get(&segment) else { return };
        let family = self.database.family(family);
        match value {
            Some(value) => self.staged.put_cf(&family, key, value),
            None => self.staged.delete_cf(&family, key),
        }
    }

    fn stage_changelog(&mut self, key: &[u8], value: Option<&[u8]>) {
        let mut stored = mem::take(&mut self.scratch);
        if key::from_changelog(key, &mut stored) {
            self.stage(&stored, value);
        }
        self.scratch = stored;
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        let mut batch = mem::take(&mut self.staged);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Position::At(checkpoint) = position {
            self.database.stage_position(&mut batch, &self.store, checkpoint);
            self.position = Some(checkpoint);
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.database.write(batch).map_err(|error| self.failed(error))?;
        self.drop_expired()
    }

    fn position(&self) -> Option<Checkpoint> {
        self.position
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        let live_from = self.live_from().to_be_bytes();
        let range = (from_at_least(range.0, &live_from), range.1);
        let mut segments = self.segments.values();
        let mut next = || match direction {
            Direction::Forward => segments.next(),
            Direction::Reverse => segments.next_back(),
        };
        // The time comes first in the keys: the order of the segments is that of the keys.
        while let Some(family) = next() {
            let scanned = self.database.scan(family, range, direction, visit);
            if scanned.map_err(|error| self.failed(error))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn approximate_len(&self) -> u64 {
        self.segments.values().map(|family| self.database.approximate_len(family)).sum()
    }

    fn newest_window(&self) -> i64 {
        self.newest
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.staged.clear();
        while let Some((_, family)) = self.segments.pop_first() {
            self.database.drop_family(&family).map_err(|error| self.failed(error))?;
        }
        self.newest = -1;
        self.database.forget_position(&mut self.staged, &self.store);
        self.position = None;
        self.write(Position::Unchanged)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.database.flush().map_err(|error| self.failed(error))
    }
}

/// The later of two beginnings of a range.
fn from_at_least<'a>(from: Bound<&'a [u8]>, least: &'a [u8]) -> Bound<&'a [u8]> {
    match from {
        Bound::Included(key) | Bound::Excluded(key) if key >= least => from,
        _ => Bound::Included(least),
    }
}

/// The length and the start (ms) of the segment that a column family is, if it is one of this store's.
pub(super) fn parse(store: &str, family: &str) -> Option<(i64, i64)> {
    let segment = family.strip_prefix("win.")?.strip_prefix(store)?.strip_prefix('.')?;
    let (segment_ms, start) = segment.split_once('.')?;
    Some((segment_ms.parse().ok()?, start.parse().ok()?))
}
