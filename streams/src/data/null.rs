//! `Option<T>`: null where it is `None`.

use super::{Data, DataError};

impl<T: Data<Present = T>> Data for Option<T> {
    type Present = T;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        self.as_ref().ok_or(DataError::Null)?.encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        T::decode(bytes).map(Some)
    }

    fn into_present(self) -> Option<T> {
        self
    }

    fn from_present(present: Option<T>) -> Option<Self> {
        Some(present)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}
