//! What is committed beside an offset: text in the format of Kafka Streams, so that a program in either language reads what the
//! other has left.
//!
//! ```text
//! Base64 of: version u8 = 2 | partition time i64 BE | [ entries i32 BE | { key length i32 BE | key UTF-8 | value i64 BE } ]
//! ```

use std::collections::BTreeMap;

/// The layout written today; 1 ends after the partition time.
const VERSION: u8 = 2;

/// No record's time is known (`RecordQueue.UNKNOWN`).
const UNKNOWN_TIME: i64 = -1;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a commit says beside the offset (`TopicPartitionMetadata`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    /// The largest timestamp (ms) of the partition's records; -1: not known.
    pub(crate) partition_time: i64,
    /// Numbers by name (`ProcessorMetadata`): Kafka Streams keeps what it does not know.
    pub(crate) entries: BTreeMap<String, i64>,
}

impl Default for OffsetMetadata {
    fn default() -> Self {
        Self { partition_time: UNKNOWN_TIME, entries: BTreeMap::new() }
    }
}

impl OffsetMetadata {
    pub(crate) fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        if !self.entries.is_empty() {
            bytes.extend_from_slice(&(self.entries.len() as i32).to_be_bytes());
        }
        for (key, value) in &self.entries {
            bytes.extend_from_slice(&(key.len() as i32).to_be_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        to_base64(&bytes)
    }

    /// Text that is not in this format, which anybody may commit, says nothing.
    pub(crate) fn decode(text: &str) -> Self {
        from_base64(text).and_then(|bytes| Self::read(&bytes)).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        let partition_time = i64::from_be_bytes(take(&mut rest)?);
        let mut entries = BTreeMap::new();
        if *version == VERSION && !rest.is_empty() {
            // The count sizes nothing: the bytes end first if it lies.
            for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
                let length = usize::try_from(i32::from_be_bytes(take(&mut rest)?)).ok()?;
                let (key, behind) = rest.split_at_checked(length)?;
                rest = behind;
                let value = i64::from_be_bytes(take(&mut rest)?);
                entries.insert(str::from_utf8(key).ok()?.to_owned(), value);
            }
        }
        matches!(*version, 1 | VERSION).then_some(Self { partition_time, entries })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| bits << 8 | u32::from(*group.get(index).unwrap_or(&0)));
        for digit in 0..4 {
            let known = digit <= group.len();
            let index = (bits >> (18 - 6 * digit) & 0x3f) as usize;
            text.push(if known { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::new();
    let (mut bits, mut known) = (0_u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| *known == digit)? as u32;
        bits = bits << 6 | value;
        known += 6;
        if known >= 8 {
            known -= 8;
            bytes.push((bits >> known) as u8);
            bits &= (1 << known) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_kafkas() {
        let metadata = OffsetMetadata { partition_time: 100, entries: [("k".to_owned(), 7)].into() };
        // 02 | 00 .. 64 | 00000001 | 00000001 6b | 00 .. 07
        assert_eq!(metadata.encode(), "AgAAAAAAAABkAAAAAQAAAAFrAAAAAAAAAAc=");
        assert_eq!(OffsetMetadata::default().encode(), "Av//////////");
        // Version 1.
        assert_eq!(OffsetMetadata::decode("AQAAAAAAAABk").partition_time, 100);
    }

    #[test]
    fn what_others_commit_says_nothing() {
        for text in ["", "noted by hand", "AgAA", "AgAAAAAAAABkf////w==", "CQAAAAAAAABk"] {
            assert_eq!(OffsetMetadata::decode(text), OffsetMetadata::default(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(
            partition_time: i64,
            entries in proptest::collection::btree_map(".{0,8}", any::<i64>(), 0..4),
        ) {
            let metadata = OffsetMetadata { partition_time, entries };
            prop_assert_eq!(OffsetMetadata::decode(&metadata.encode()), metadata);
        }
    }
}
