//! Reading a store without knowing its types: what queries ask of the tasks of this process and of others.
//!
//! Keys and values are bytes as they lie in the store. A long answer comes in chunks, so that its owner can go on processing
//! between them: whoever asks says behind which key the next one begins.

use std::ops::{Bound, ControlFlow};

use super::backend::{Direction, KeyRange};
use super::error::StoreError;
use super::read::Found;
use super::typed::TypedStore;
use super::window::key;
use crate::topology::WindowSpec;

/// Entries of one chunk; also how many windows one visit looks up.
pub(crate) const MAX_ENTRIES: usize = 1_000;

/// Bytes of one chunk, shared by the tasks that have a part of it; the entry that exceeds them is the last.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// The entry of a key.
    Get(Vec<u8>),
    /// The entries whose keys lie between two others, by their bytes.
    Range(Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// The windows of a key whose starts (ms) lie between two others, both included.
    WindowsOf { key: Vec<u8>, first: i64, last: i64 },
    /// The windows of all keys whose starts (ms) lie between two others, both included.
    WindowsIn { first: i64, last: i64 },
    /// Roughly how many entries there are.
    Count,
}

/// Which part of an answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The key to go on behind.
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) reverse: bool,
    /// Entries at most.
    pub(crate) limit: usize,
}

/// A part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Keys and timestamped values, in the order that was asked for.
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// The key to go on behind; `None`: there is nothing more.
    pub(crate) behind: Option<Vec<u8>>,
    /// What [`Read::Count`] has found.
    pub(crate) count: u64,
}

impl Chunk {
    /// Makes one of what several stores have told of the same page: as far as none of them has left anything out, and no more than
    /// fits into one, unless equal keys would be parted.
    pub(crate) fn merge(chunks: impl IntoIterator<Item = Self>, page: &Page) -> Self {
        let mut merged = Self::default();
        let before = |a: &[u8], b: &[u8]| if page.reverse { a > b } else { a < b };
        for Self { entries, behind, count } in chunks {
            merged.entries.extend(entries);
            merged.count = merged.count.saturating_add(count);
            merged.behind = match (merged.behind, behind) {
                (Some(a), Some(b)) => Some(if before(&b, &a) { b } else { a }),
                (a, b) => a.or(b),
            };
        }
        match page.reverse {
            false => merged.entries.sort_by(|(a, _), (b, _)| a.cmp(b)),
            true => merged.entries.sort_by(|(a, _), (b, _)| b.cmp(a)),
        }
        if let Some(behind) = &merged.behind {
            merged.entries.truncate(merged.entries.partition_point(|(key, _)| !before(behind, key)));
        }
        if let Some((last, _)) = page.limit.checked_sub(1).and_then(|last| merged.entries.get(last)).cloned()
        {
            let kept = merged.entries.partition_point(|(key, _)| !before(&last, key));
            if kept < merged.entries.len() {
                merged.entries.truncate(kept);
                merged.behind = Some(last);
            }
        }
        merged
    }
}

impl<K, V> TypedStore<K, V> {
    /// Answers from the cache and the backend.
    pub(crate) fn answer(&self, read: &Read, page: &Page, max_bytes: usize) -> Result<Chunk, StoreError> {
        match read {
            _ if page.limit == 0 && *read != Read::Count => Ok(Chunk::default()),
            Read::Count => Ok(Chunk { count: self.approximate_len(), ..Chunk::default() }),
            Read::Get(key) => {
                let entries = self.get_bytes(key)?.map(|value| (key.clone(), value));
                Ok(Chunk { entries: entries.into_iter().collect(), ..Chunk::default() })
            }
            Read::Range(from, to) => self.chunk(
                (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice)),
                page,
                max_bytes,
            ),
            Read::WindowsIn { first, last } => {
                let Some((first, last)) = self.live(&(*first..=*last)) else { return Ok(Chunk::default()) };
                let (first, behind) = (first.to_be_bytes(), last.saturating_add(1).to_be_bytes());
                self.chunk((Bound::Included(&first), Bound::Excluded(&behind)), page, max_bytes)
            }
            Read::WindowsOf { key, first, last } => self.chunk_of_key(key, *first, *last, page),
        }
    }

    fn chunk(&self, range: KeyRange<'_>, page: &Page, max_bytes: usize) -> Result<Chunk, StoreError> {
        let direction = if page.reverse { Direction::Reverse } else { Direction::Forward };
        let limit = page.limit.min(MAX_ENTRIES);
        let (mut chunk, mut bytes) = (Chunk::default(), 0);
        self.walk(go_on(range, page), direction, |found| {
            let (key, value) = match found {
                Found::Stored(key, value) => (key.to_vec(), value.to_vec()),
                Found::Cached(entry, value) => match self.timestamped(value, entry.timestamp)? {
                    Some(value) => (entry.bytes.to_vec(), value),
                    None => return Ok(ControlFlow::Continue(())),
                },
            };
            bytes += key.len() + value.len();
            if chunk.entries.len() + 1 == limit || bytes >= max_bytes {
                chunk.behind = Some(key.clone());
            }
            chunk.entries.push((key, value));
            Ok(if chunk.behind.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(chunk)
    }

    /// Windows are looked up where they may start: between two of one key lie those of all others.
    fn chunk_of_key(&self, key: &[u8], first: i64, last: i64, page: &Page) -> Result<Chunk, StoreError> {
        let mut chunk = Chunk::default();
        let Some((mut first, mut last)) = self.live(&(first..=last)) else { return Ok(chunk) };
        match page.after.as_deref().map(key::start) {
            Some(after) if page.reverse => last = last.min(after.saturating_sub(1)),
            Some(after) => first = first.max(after.saturating_add(1)),
            None => {}
        }
        let WindowSpec { advance_ms, .. } = self.spec()?;
        let mut candidates = (first.saturating_add(advance_ms - 1) / advance_ms..=last / advance_ms)
            .map(|nth| nth * advance_ms);
        let mut next = || if page.reverse { candidates.next_back() } else { candidates.next() };
        for looked_up in 1.. {
            let Some(start) = next() else { break };
            let stored = [&start.to_be_bytes()[..], key].concat();
            if let Some(value) = self.get_bytes(&stored)? {
                chunk.entries.push((stored.clone(), value));
            }
            if chunk.entries.len() == page.limit || looked_up == MAX_ENTRIES {
                chunk.behind = Some(stored);
                break;
            }
        }
        Ok(chunk)
    }
}

/// What of a range lies behind where the last chunk ended.
fn go_on<'a>((from, to): KeyRange<'a>, page: &'a Page) -> KeyRange<'a> {
    let Some(after) = page.after.as_deref() else { return (from, to) };
    let inside = |bound: Bound<&[u8]>| match bound {
        Bound::Included(key) | Bound::Excluded(key) if page.reverse => after <= key,
        Bound::Included(key) | Bound::Excluded(key) => after >= key,
        Bound::Unbounded => true,
    };
    match page.reverse {
        false if inside(from) => (Bound::Excluded(after), to),
        true if inside(to) => (from, Bound::Excluded(after)),
        _ => (from, to),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

    /// What a store of these entries answers, `size` of them at a time.
    fn chunk_of(entries: &Entries, page: &Page, size: usize) -> Chunk {
        let behind = |key: &&Vec<u8>| match &page.after {
            Some(after) if page.reverse => *key < after,
            Some(after) => *key > after,
            None => true,
        };
        let mut keys: Vec<_> = entries.keys().filter(behind).cloned().collect();
        if page.reverse {
            keys.reverse();
        }
        let size = size.min(page.limit);
        let behind = (keys.len() >= size).then(|| keys[size - 1].clone());
        keys.truncate(size);
        let entries = keys.into_iter().map(|key| (key.clone(), entries[&key].clone())).collect();
        Chunk { entries, behind, count: 0 }
    }

    proptest! {
        #[test]
        fn the_chunks_of_many_stores_are_those_of_one(
            stores in proptest::collection::vec(proptest::collection::btree_map(
                proptest::collection::vec(0_u8..3, 0..4), proptest::collection::vec(any::<u8>(), 1), 0..12), 1..4),
            limit in 1_usize..5, sizes in proptest::collection::vec(1_usize..4, 4), reverse: bool,
        ) {
            let mut expected: Vec<_> = stores.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
            expected.sort_by(|(a, _), (b, _)| if reverse { b.cmp(a) } else { a.cmp(b) });
            let mut found = Vec::new();
            let mut page = Page { after: None, reverse, limit };
            loop {
                let chunks = stores.iter().zip(&sizes).map(|(store, size)| chunk_of(store, &page, *size));
                let merged = Chunk::merge(chunks, &page);
                found.extend(merged.entries);
                prop_assert!(found.len() <= expected.len());
                match merged.behind {
                    Some(behind) => page.after = Some(behind),
                    None => break,
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
