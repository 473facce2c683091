//! UUIDs as text of 36 characters, as `UUIDSerializer` writes them.

use uuid::Uuid;

use super::{Data, DataError};

impl Data for Uuid {
    type Present = Self;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        let mut text = Self::encode_buffer();
        out.extend_from_slice(self.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Self::try_parse_ascii(bytes).map_err(DataError::format)
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}
