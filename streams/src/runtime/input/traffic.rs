//! What has passed of a partition, and whose it was.

use crate::metrics::TopKeys;

/// Keys are looked at once in so many records on average: the sketch costs more than the record otherwise.
const ONE_IN: u32 = 32;

/// What has passed of a partition since the task came to this thread.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    pub(crate) records: u64,
    /// As they came, compressed or not.
    pub(crate) bytes: u64,
    /// The timestamp (ms) of the last record that passed; -1: none did.
    pub(crate) last_timestamp: i64,
    pub(crate) keys: TopKeys,
    /// Records until the next key is looked at.
    skip: u32,
    /// Makes the skips differ, so that keys in a regular order are all met.
    random: u32,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            records: 0,
            bytes: 0,
            last_timestamp: -1,
            keys: TopKeys::default(),
            skip: 1,
            random: 0x9E37_79B9,
        }
    }
}

impl Traffic {
    /// A record passes.
    #[inline]
    pub(super) fn record(&mut self, timestamp: i64, key: Option<&[u8]>) {
        self.records += 1;
        self.last_timestamp = timestamp;
        self.skip -= 1;
        if self.skip == 0 {
            self.look(key);
        }
    }

    #[cold]
    fn look(&mut self, key: Option<&[u8]>) {
        match key {
            Some(key) => self.keys.add(key),
            None => self.keys.add_none(),
        }
        // Marsaglia's xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.skip = 1 + self.random % (2 * ONE_IN - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_a_regular_order_are_seen_by_their_share() {
        let mut traffic = Traffic::default();
        for nth in 0..1_000_000 {
            let key: &[u8] = if nth % 32 < 16 { b"half" } else { b"other half" };
            traffic.record(nth, Some(key));
        }
        let shares: Vec<f64> = traffic.keys.top(2).iter().map(|top| top.share).collect();
        assert!(shares.iter().all(|share| (0.47..0.53).contains(share)), "{shares:?}");
        assert_eq!((traffic.records, traffic.last_timestamp), (1_000_000, 999_999));
    }

    #[test]
    fn a_key_that_few_records_have_is_not_hot_because_the_others_have_none() {
        let mut traffic = Traffic::default();
        for nth in 0..200_000 {
            traffic.record(nth, (nth % 10 == 0).then_some(b"some"));
        }
        let share = traffic.keys.top(1)[0].share;
        assert!((0.07..0.13).contains(&share), "{share}");
    }
}
