//! The keys that come most often, in bounded space.

use std::hash::{BuildHasher, RandomState};

/// How many keys are watched at once. A key of more than one record in so many is surely among them.
const WATCHED: usize = 32;

/// Of a longer key only so many bytes are kept to be shown.
const SHOWN_BYTES: usize = 64;

/// Keys seen after which all counts are halved, so that what was hot yesterday does not stay so.
const HALF_LIFE: u64 = 1 << 16;

/// The Space-Saving sketch of Metwally, Agrawal and El Abbadi (2005): a key that is not watched takes the place of the one with the
/// smallest count, and its count too, so that no count is too small.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopKeys {
    watched: Vec<Watched>,
    seen: u64,
    hasher: RandomState,
}

#[derive(Debug, Clone)]
struct Watched {
    hash: u64,
    key: Box<[u8]>,
    count: u64,
    /// How much of the count may be others'.
    inherited: u64,
}

/// A key and the share of the records that it has at least.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopKey {
    /// Its first bytes.
    pub(crate) key: Box<[u8]>,
    pub(crate) share: f64,
}

impl TopKeys {
    /// A record without a key comes.
    pub(crate) fn add_none(&mut self) {
        self.seen += 1;
        self.age();
    }

    /// A key comes.
    pub(crate) fn add(&mut self, key: &[u8]) {
        self.seen += 1;
        let hash = self.hasher.hash_one(key);
        if let Some(known) = self.watched.iter_mut().find(|known| known.hash == hash) {
            known.count += 1;
        } else {
            let inherited = if self.watched.len() < WATCHED { 0 } else { self.evict() };
            let key = key[..key.len().min(SHOWN_BYTES)].into();
            self.watched.push(Watched { hash, key, count: inherited + 1, inherited });
        }
        self.age();
    }

    /// Up to `most` keys, the hottest first. A key that may be there by chance alone is left out.
    pub(crate) fn top(&self, most: usize) -> Vec<TopKey> {
        let sure = |known: &Watched| known.count - known.inherited;
        let mut top: Vec<&Watched> = self.watched.iter().filter(|known| sure(known) > 1).collect();
        top.sort_by_key(|known| std::cmp::Reverse(sure(known)));
        let share = |known: &Watched| sure(known) as f64 / self.seen as f64;
        top.into_iter()
            .take(most)
            .map(|known| TopKey { key: known.key.clone(), share: share(known) })
            .collect()
    }

    /// Makes room. Returns the count of the key that went.
    fn evict(&mut self) -> u64 {
        let least = self.watched.iter().enumerate().min_by_key(|(_, known)| known.count);
        let Some((at, _)) = least else { return 0 };
        self.watched.swap_remove(at).count
    }

    /// Halves everything when enough has come.
    fn age(&mut self) {
        if self.seen < HALF_LIFE {
            return;
        }
        self.seen /= 2;
        for known in &mut self.watched {
            known.count /= 2;
            known.inherited /= 2;
        }
        self.watched.retain(|known| known.count > 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    proptest! {
        /// However keys are spread and ordered: a share that is told is never more than the true one, and less by at most what a
        /// watched key has on average. A key that is hotter than that is told of.
        #[test]
        fn the_sketch_is_as_good_as_its_bound(
            spread in 1_u32..2_000,
            power in 0.0_f64..6.0,
            sorted in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let (mut sketch, mut random) = (TopKeys::default(), StdRng::seed_from_u64(seed));
            let draw = |_| (random.random::<f64>().powf(power) * f64::from(spread)) as u32;
            let mut keys: Vec<u32> = (0..5_000).map(draw).collect();
            if sorted {
                keys.sort_unstable();
            }
            let mut exact = HashMap::<Box<[u8]>, u64>::new();
            for key in keys {
                sketch.add(&key.to_be_bytes());
                *exact.entry(key.to_be_bytes().into()).or_default() += 1;
            }
            let told: HashMap<_, _> = sketch.top(WATCHED).into_iter().map(|top| (top.key, top.share)).collect();
            let bound = 1.0 / WATCHED as f64;
            for (key, count) in exact {
                let (share, told) = (count as f64 / 5_000.0, told.get(&key).copied().unwrap_or(0.0));
                prop_assert!(told <= share && share <= told + bound + 1.0 / 5_000.0, "{told} of {share}");
            }
        }
    }

    #[test]
    fn a_hot_key_is_found_among_many_with_its_share() {
        let (mut keys, mut random) = (TopKeys::default(), StdRng::seed_from_u64(1));
        for _ in 0..200_000 {
            let key = match random.random_range(0..100) {
                0..60 => "hot".to_owned(),
                60..70 => "warm".to_owned(),
                _ => format!("key-{}", random.random_range(0..100_000)),
            };
            keys.add(key.as_bytes());
        }
        let top = keys.top(2);
        assert_eq!(top.iter().map(|top| &*top.key).collect::<Vec<_>>(), [b"hot".as_slice(), b"warm"]);
        assert!((0.57..0.61).contains(&top[0].share) && (0.07..0.11).contains(&top[1].share), "{top:?}");
        assert!(keys.watched.len() <= WATCHED);
    }

    #[test]
    fn what_was_hot_gives_way() {
        let mut keys = TopKeys::default();
        (0..HALF_LIFE).for_each(|_| keys.add(b"yesterday"));
        (0..HALF_LIFE * 2).for_each(|_| keys.add(b"today"));
        let top = keys.top(2);
        assert_eq!((&*top[0].key, &*top[1].key), (b"today".as_slice(), b"yesterday".as_slice()));
        assert!(top[0].share > 0.7, "{top:?}");
    }

    #[test]
    fn keys_that_all_differ_are_none_of_them_hot() {
        let mut keys = TopKeys::default();
        (0..10_000u32).for_each(|key| keys.add(&key.to_be_bytes()));
        assert_eq!(keys.top(5), []);
        assert_eq!(TopKeys::default().top(5), []);
    }
}
