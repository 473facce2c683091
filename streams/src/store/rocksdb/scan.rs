//! Reading one column family.

use std::ops::{Bound, ControlFlow};

use ::rocksdb::{DBRawIteratorWithThreadMode, ReadOptions};

use super::TaskDatabase;
use super::database::Database;
use crate::store::backend::{self, Direction, KeyRange, Visit};

impl TaskDatabase {
    /// Reads the value of `key` into `value` (cleared first). `false`: there is none.
    pub(super) fn get(
        &self,
        family: &str,
        key: &[u8],
        value: &mut Vec<u8>,
    ) -> Result<bool, ::rocksdb::Error> {
        value.clear();
        let found = self.db().get_pinned_cf(&self.family(family), key)?;
        if let Some(bytes) = &found {
            value.extend_from_slice(bytes);
        }
        Ok(found.is_some())
    }

    /// Visits the entries of `range` until `visit` breaks, which is what is returned then.
    pub(super) fn scan(
        &self,
        family: &str,
        range: KeyRange<'_>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, ::rocksdb::Error> {
        if backend::is_empty(&range) {
            return Ok(ControlFlow::Continue(()));
        }
        let (lower, upper) = half_open(&range);
        let mut options = ReadOptions::default();
        if let Some(lower) = lower {
            options.set_iterate_lower_bound(lower);
        }
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        let mut entries = self.db().raw_iterator_cf_opt(&self.family(family), options);
        match direction {
            Direction::Forward => entries.seek_to_first(),
            Direction::Reverse => entries.seek_to_last(),
        }
        let step = visit_all(&mut entries, direction, visit);
        entries.status()?;
        Ok(step)
    }

    /// Roughly how many entries a family has.
    pub(super) fn approximate_len(&self, family: &str) -> u64 {
        let estimate = self.db().property_int_value_cf(&self.family(family), "rocksdb.estimate-num-keys");
        estimate.ok().flatten().unwrap_or(0)
    }
}

fn visit_all(
    entries: &mut DBRawIteratorWithThreadMode<'_, Database>,
    direction: Direction,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    while let Some((key, value)) = entries.item() {
        visit(key, value)?;
        match direction {
            Direction::Forward => entries.next(),
            Direction::Reverse => entries.prev(),
        }
    }
    ControlFlow::Continue(())
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
