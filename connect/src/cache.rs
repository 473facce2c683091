use indexmap::IndexMap;
use parking_lot::Mutex;
use std::fmt;
use std::hash::Hash;

/// The last so many of what was made of something: another one replaces the oldest.
pub(crate) struct Cache<K, V> {
    entries: Mutex<IndexMap<K, V, foldhash::fast::RandomState>>,
    max: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(crate) fn new(max: u32) -> Self {
        Cache { entries: Mutex::default(), max: usize::try_from(max).unwrap_or(usize::MAX) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.entries.lock().get(key).cloned()
    }

    pub(crate) fn put(&self, key: K, value: V) {
        let mut entries = self.entries.lock();
        while entries.len() >= self.max.max(1) {
            entries.shift_remove_index(0);
        }
        entries.insert(key, value);
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_no_more_than_it_may() {
        let cache = Cache::new(2);
        for number in 0..100 {
            cache.put(number, number);
        }
        assert_eq!((cache.get(&97), cache.get(&98), cache.get(&99)), (None, Some(98), Some(99)));
        assert_eq!(cache.entries.lock().len(), 2);
    }
}
