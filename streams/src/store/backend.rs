//! The seam between typed stores and the bytes below them.

use std::ops::{Bound, ControlFlow};

use uuid::Uuid;

use super::error::StoreError;

/// The bytes of one store of one task.
///
/// Writes are staged and become visible, and durable together with the changelog position they belong to, in one
/// [`write`](Self::write): data can therefore never be on disk without the position that explains it, except while a store is
/// loaded, where a replay writes the same again. Between `stage` and
/// `write` the cache above answers for the staged keys.
///
/// An implementation belongs to the thread of its task; nothing here locks.
pub trait KeyValueBackend: Send {
    /// Reads the value of `key` into `value` (cleared first). `false`: there is none.
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError>;

    /// Adds a put (`Some`) or a delete (`None`) to the open batch.
    fn stage(&mut self, key: &[u8], value: Option<&[u8]>);

    /// As [`stage`](Self::stage), for a record of the changelog: a window store's keys are written another way there.
    fn stage_changelog(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.stage(key, value);
    }

    /// Writes the open batch, atomically with `position`.
    fn write(&mut self, position: Position) -> Result<(), StoreError>;

    /// The changelog position of the last [`write`](Self::write) that named one: the offset of the first changelog record
    /// that is *not* in the store. `None`: the store has never been tied to its changelog.
    fn position(&self) -> Option<Checkpoint>;

    /// Visits the entries of `range` in the order of their key bytes until `visit` breaks.
    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError>;

    /// Whether it has no entry at all.
    fn is_empty(&self) -> Result<bool, StoreError> {
        let mut is_empty = true;
        self.scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |_, _| {
            is_empty = false;
            ControlFlow::Break(())
        })?;
        Ok(is_empty)
    }

    /// Roughly how many entries there are.
    fn approximate_len(&self) -> u64;

    /// The start (ms) of the latest window that was staged, from which on retention counts back; `-1`: none, as in a store
    /// that has no windows.
    fn newest_window(&self) -> i64 {
        -1
    }

    /// Whether the bytes outlive the process.
    fn is_on_disk(&self) -> bool {
        true
    }

    /// Removes every entry and the position. Only restore calls it, after it has said why.
    fn clear(&mut self) -> Result<(), StoreError>;

    /// Much of the changelog follows, and nobody reads before [`end_load`](Self::end_load): an engine may collect it and write
    /// it in an order that suits it. Until then a crash may leave entries whose position is not there yet, so that they are
    /// restored once more.
    fn begin_load(&mut self) {}

    /// Everything that was staged is in the store, with the last position.
    fn end_load(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes everything written so far survive a crash of the process.
    fn flush(&mut self) -> Result<(), StoreError>;
}

/// What a write says about the changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The position stays: the changelog has not acknowledged these entries yet, so a crash replays them.
    Unchanged,
    /// Everything below this changelog offset is now in the store.
    At(Checkpoint),
}

/// A position in a changelog and when it was true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first changelog offset that is not in the store.
    pub next_offset: i64,
    /// Wall clock in milliseconds: a checkpoint older than the changelog's `delete.retention.ms` may have missed tombstones.
    pub written_at: i64,
    /// The id of the changelog topic, nil where it is not known: a topic that is deleted and created again starts anew.
    pub changelog_id: Uuid,
}

/// What a scan calls with the bytes of each key and value.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// A range over key bytes.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Forward,
    /// Largest key first.
    Reverse,
}

/// The smallest key above every key that starts with `prefix`; `None` where there is no such key (empty, or all `0xff`).
pub fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Whether no key can lie in `range`. The engines below reject or panic on an inverted range, a query must not.
pub(crate) fn is_empty(range: &KeyRange<'_>) -> bool {
    match range {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to) | Bound::Included(to)) => {
            from >= to
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_skips_trailing_ff() {
        assert_eq!(end_of_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(end_of_prefix(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(end_of_prefix(&[0xff, 0xff]), None);
        assert_eq!(end_of_prefix(b""), None);
    }
}
