//! Strings, as `StringSerializer` writes them.

use super::{Data, DataError};

impl Data for String {
    type Present = Self;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}
