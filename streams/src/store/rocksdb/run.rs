//! Writes in memory that become one sorted file, or one sorted batch.

use std::convert::Infallible;

use ::rocksdb::{AsColumnFamilyRef, WriteBatch};

/// Marks a removal in the place of a value's length.
const REMOVED: u32 = u32::MAX;

/// Puts and deletes in the order in which they came, one after the other in a single buffer.
#[derive(Debug, Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a key lies in the buffer, its value behind it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: usize,
    key_len: u32,
    value_len: u32,
}

impl Run {
    /// Memory that an entry takes beside its bytes, once it is sorted.
    const PER_ENTRY: usize = size_of::<Entry>() + size_of::<(u64, u32)>();

    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        let value_len = value.map_or(REMOVED, |value| value.len() as u32);
        self.entries.push(Entry { at, key_len: key.len() as u32, value_len });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that it takes, those for sorting it included.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + self.entries.len() * Self::PER_ENTRY
    }

    /// Empties it; the memory is kept for what comes next.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Visits the last write of each key in the order of the keys, until `visit` fails.
    pub(super) fn visit_sorted<E>(
        &self,
        mut visit: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let order = self.order();
        for (place, (_, index)) in order.iter().enumerate() {
            let entry = self.entries[*index as usize];
            let key = self.key(entry);
            let next = order.get(place + 1).map(|(_, next)| self.key(self.entries[*next as usize]));
            if next != Some(key) {
                visit(key, self.value(entry))?;
            }
        }
        Ok(())
    }

    /// Adds them to a batch, in the order of the keys.
    pub(super) fn put_into(&self, batch: &mut WriteBatch, family: &impl AsColumnFamilyRef) {
        let Ok(()) = self.visit_sorted(|key, value| {
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
            Ok::<_, Infallible>(())
        });
    }

    /// The entries by key, and by age where keys are equal. Eight bytes behind what all keys have in common decide nearly
    /// always, without a look at the buffer.
    fn order(&self) -> Vec<(u64, u32)> {
        let shared = self.shared_prefix();
        let head = |entry: Entry| {
            let rest = &self.key(entry)[shared..];
            let mut head = [0; 8];
            let known = rest.len().min(head.len());
            head[..known].copy_from_slice(&rest[..known]);
            u64::from_be_bytes(head)
        };
        let mut order: Vec<(u64, u32)> =
            (0..).zip(&self.entries).map(|(index, entry)| (head(*entry), index)).collect();
        order.sort_unstable_by(|(a_head, a), (b_head, b)| {
            let key = |index: u32| self.key(self.entries[index as usize]);
            a_head.cmp(b_head).then_with(|| key(*a).cmp(key(*b))).then_with(|| a.cmp(b))
        });
        order
    }

    /// How many bytes all keys begin with alike.
    fn shared_prefix(&self) -> usize {
        let Some(first) = self.entries.first().map(|entry| self.key(*entry)) else { return 0 };
        let shared = |shared: usize, entry: &Entry| {
            let pairs = first[..shared].iter().zip(self.key(*entry));
            pairs.take_while(|(a, b)| a == b).count()
        };
        self.entries.iter().fold(first.len(), shared)
    }

    fn key(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.at..entry.at + entry.key_len as usize]
    }

    fn value(&self, entry: Entry) -> Option<&[u8]> {
        let at = entry.at + entry.key_len as usize;
        (entry.value_len != REMOVED).then(|| &self.bytes[at..at + entry.value_len as usize])
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    /// Keys that differ only behind what they share, some beyond the eight bytes that are compared first, some cut short.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let tail = vec(prop_oneof![Just(0), Just(1), Just(0xff)], 0..4);
        (0..12usize, tail).prop_map(|(zeros, tail)| [&b"shared"[..], &vec![0; zeros], &tail].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_run_is_read_as_a_map_would_be(writes in vec((key(), proptest::option::of(vec(any::<u8>(), 0..3))), 0..40)) {
            let mut run = Run::default();
            for (key, value) in &writes {
                run.push(key, value.as_deref());
            }
            let model: BTreeMap<_, _> = writes.into_iter().collect();
            let mut read = Vec::new();
            let visited: Result<(), Infallible> = run.visit_sorted(|key, value| {
                read.push((key.to_vec(), value.map(<[u8]>::to_vec)));
                Ok(())
            });
            prop_assert!(visited.is_ok());
            prop_assert_eq!(read, model.into_iter().collect::<Vec<_>>());
        }
    }
}
