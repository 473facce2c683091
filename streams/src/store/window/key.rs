//! The bytes of windowed keys in stores and changelogs.

use crate::data::DataError;
use crate::serde::{Serde, SerdeHandle};
use crate::window::{Window, Windowed};

const START: usize = size_of::<i64>();
const SEQUENCE: usize = size_of::<u32>();

/// Windowed keys as they lie in a store.
pub(crate) struct StoreKey<K: 'static> {
    pub(crate) key: SerdeHandle<K>,
    pub(crate) size_ms: i64,
}

impl<K> Serde<Windowed<K>> for StoreKey<K> {
    #[inline]
    fn encode(&self, windowed: &Windowed<K>, out: &mut Vec<u8>) -> Result<bool, DataError> {
        out.extend_from_slice(&windowed.window.start.to_be_bytes());
        if self.key.encode(&windowed.key, out)? { Ok(true) } else { Err(DataError::Null) }
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<Windowed<K>, DataError> {
        let bytes = bytes.ok_or(DataError::Null)?;
        let (start, key) =
            bytes.split_first_chunk().ok_or(DataError::Length { expected: START, actual: bytes.len() })?;
        let window = Window::of_size(i64::from_be_bytes(*start), self.size_ms);
        Ok(Windowed { key: self.key.decode(Some(key))?, window })
    }
}

/// The start of the window that a key in a store belongs to.
#[inline]
pub(crate) fn start(stored: &[u8]) -> i64 {
    stored.first_chunk().map_or(0, |start| i64::from_be_bytes(*start))
}

/// The changelog's bytes of a key in a store.
pub(crate) fn to_changelog(stored: &[u8], changelog: &mut Vec<u8>) {
    let (start, key) = stored.split_at(START.min(stored.len()));
    changelog.clear();
    changelog.extend_from_slice(key);
    changelog.extend_from_slice(start);
    changelog.extend_from_slice(&[0; SEQUENCE]);
}

/// The store's bytes of a key in a changelog. `false`: no window store has written it.
pub(crate) fn from_changelog(changelog: &[u8], stored: &mut Vec<u8>) -> bool {
    stored.clear();
    let Some(rest) = changelog.len().checked_sub(START + SEQUENCE) else { return false };
    let (key, suffix) = changelog.split_at(rest);
    stored.extend_from_slice(&suffix[..START]);
    stored.extend_from_slice(key);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kafka's `WindowKeySchema.toStoreKeyBinary` makes of "k1" and 60,000.
    const KAFKAS: &[u8] = b"k1\x00\x00\x00\x00\x00\x00\xea\x60\x00\x00\x00\x00";

    #[test]
    fn changelog_keys_are_kafkas() {
        let serde = StoreKey { key: SerdeHandle::<String>::native(), size_ms: 60_000 };
        let windowed = Windowed::new("k1".to_owned(), Window::of_size(60_000, 60_000));
        let (mut stored, mut changelog, mut back) = (Vec::new(), Vec::new(), Vec::new());
        assert!(serde.encode(&windowed, &mut stored).unwrap());
        assert_eq!(start(&stored), 60_000);
        to_changelog(&stored, &mut changelog);
        assert_eq!(changelog, KAFKAS);
        assert!(from_changelog(&changelog, &mut back));
        assert_eq!(back, stored);
        assert_eq!(serde.decode(Some(&stored)).unwrap(), windowed);
    }

    #[test]
    fn what_is_too_short_is_no_key() {
        assert!(!from_changelog(&KAFKAS[3..], &mut Vec::new()));
    }
}
