//! Bytes as they are, as `ByteArraySerializer` writes them; and nothing at all.

use bytes::Bytes;

use super::{Data, DataError};

impl Data for Vec<u8> {
    type Present = Self;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(bytes.to_vec())
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}

impl Data for Bytes {
    type Present = Self;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}

/// No information: empty bytes.
impl Data for () {
    type Present = Self;

    fn encode(&self, _out: &mut Vec<u8>) -> Result<(), DataError> {
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        match bytes {
            [] => Ok(()),
            _ => Err(DataError::Length { expected: 0, actual: bytes.len() }),
        }
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}
