//! The last offset of each key, in a table of fixed size (Kafka: `SkimpyOffsetMap`).

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use millstream_wire::ids::Offset;

/// Bytes that the table may take (`log.cleaner.dedupe.buffer.size`): 4.9 million keys. A log with more of them is
/// cleaned in several passes.
pub(super) const MAX_MAP_BYTES: usize = 128 << 20;

/// Bytes of a slot.
const SLOT_LEN: usize = size_of::<Slot>();

/// Slots are filled to 7 in 8.
const LOAD: (usize, usize) = (7, 8);

/// Marks a free slot.
const FREE: i64 = -1;

/// Keys are known by 128 bits of hash, seeded anew in every map: two of 5 million keys fall together once in
/// 10^25 maps, and nobody can choose them to.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: [u64; 2],
    offset: i64,
}

#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    used: usize,
    seeds: [RandomState; 2],
    /// The last offset that was seen: what lies behind it is not in the map.
    latest: Option<Offset>,
}

impl OffsetMap {
    /// A map for `keys` keys, or as many of them as `max_bytes` holds.
    pub(super) fn new(keys: usize, max_bytes: usize) -> Self {
        let wanted = keys.saturating_mul(LOAD.1) / LOAD.0 + 1;
        let slots = wanted.min(max_bytes / SLOT_LEN).max(2);
        let free = Slot { hash: [0, 0], offset: FREE };
        Self { slots: vec![free; slots], used: 0, seeds: Default::default(), latest: None }
    }

    /// Takes note of a record. Returns false, and takes no note, if the map is full.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = self.hash(key);
        let at = self.find(hash);
        if self.slots[at].offset == FREE {
            if self.used + 1 > self.slots.len() * LOAD.0 / LOAD.1 {
                return false;
            }
            self.used += 1;
        }
        self.slots[at] = Slot { hash, offset: offset.0 };
        self.latest = Some(offset);
        true
    }

    /// Takes note that everything up to `offset` was seen, though it has no key.
    pub(super) fn pass(&mut self, offset: Offset) {
        self.latest = self.latest.max(Some(offset));
    }

    /// Whether a later record has the same key.
    pub(super) fn is_superseded(&self, key: &[u8], offset: Offset) -> bool {
        self.slots[self.find(self.hash(key))].offset > offset.0
    }

    /// The last offset that was seen.
    pub(super) fn latest(&self) -> Option<Offset> {
        self.latest
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [0, 1].map(|half: usize| {
            let mut hasher = self.seeds[half].build_hasher();
            hasher.write(key);
            hasher.finish()
        })
    }

    /// The slot that has the hash, or the free one where it belongs. There is always a free one.
    fn find(&self, hash: [u64; 2]) -> usize {
        let slots = self.slots.len();
        let mut at = ((u128::from(hash[0]) * slots as u128) >> 64) as usize;
        while self.slots[at].offset != FREE && self.slots[at].hash != hash {
            at = (at + 1) % slots;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_of_a_key_wins() {
        let mut map = OffsetMap::new(1000, MAX_MAP_BYTES);
        for offset in 0..3000 {
            assert!(map.put(format!("key {}", offset % 1000).as_bytes(), Offset(offset)));
        }
        for offset in 0..3000 {
            let key = format!("key {}", offset % 1000);
            assert_eq!(map.is_superseded(key.as_bytes(), Offset(offset)), offset < 2000, "{offset}");
        }
        assert!(!map.is_superseded(b"unknown", Offset(0)));
        assert_eq!(map.latest(), Some(Offset(2999)));
    }

    #[test]
    fn a_full_map_says_so_and_still_takes_known_keys() {
        let mut map = OffsetMap::new(1_000_000, 64 * SLOT_LEN);
        let taken = (0..64).take_while(|offset| map.put(&[*offset as u8], Offset(*offset))).count();
        assert_eq!(taken, 56);
        assert_eq!(map.latest(), Some(Offset(55)));
        assert!(map.put(&[3], Offset(99)));
        assert!(!map.put(&[200], Offset(100)));
    }
}
