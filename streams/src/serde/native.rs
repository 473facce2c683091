//! The type's own bytes.

use super::Serde;
use crate::data::{Data, DataError};

/// The serde of every [`Data`] type: the bytes that the type knows of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl<T: Data> Serde<T> for Native {
    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<bool, DataError> {
        if value.is_null() {
            return Ok(false);
        }
        value.encode(out)?;
        Ok(true)
    }

    #[inline]
    fn decode(&self, bytes: Option<&[u8]>) -> Result<T, DataError> {
        match bytes {
            Some(bytes) => T::decode(bytes),
            None => T::from_present(None).ok_or(DataError::Null),
        }
    }
}
