//! JSON through serde.

use serde::{Serialize, de::DeserializeOwned};

use super::{Data, DataError};

/// A value written as JSON: for types of other crates, where `#[derive(Data)] #[data(json)]` cannot be put.
///
/// ```
/// use millstream::data::{Data, Json};
///
/// let mut bytes = Vec::new();
/// Json(vec![1, 2]).encode(&mut bytes)?;
/// assert_eq!(bytes, b"[1,2]");
/// # Ok::<(), millstream::data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Data for Json<T> {
    type Present = Self;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
        encode_json(&self.0, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        decode_json(bytes).map(Self)
    }

    fn into_present(self) -> Option<Self> {
        Some(self)
    }

    fn from_present(present: Option<Self>) -> Option<Self> {
        present
    }
}

/// What `#[data(json)]` calls.
pub fn encode_json(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), DataError> {
    serde_json::to_writer(out, value).map_err(DataError::format)
}

/// What `#[data(json)]` calls.
pub fn decode_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DataError> {
    serde_json::from_slice(bytes).map_err(DataError::format)
}
