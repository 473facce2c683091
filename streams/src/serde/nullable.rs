//! A serde made to take nulls.

use super::{Serde, SerdeHandle};
use crate::data::DataError;

/// Reads and writes `Option<T>` with the serde of `T`: tables read and write the topics of their plain types, where a null
/// value is a deletion.
pub(crate) struct Nullable<T: 'static>(pub(crate) SerdeHandle<T>);

impl<T> Serde<Option<T>> for Nullable<T> {
    fn encode(&self, value: &Option<T>, out: &mut Vec<u8>) -> Result<bool, DataError> {
        value.as_ref().map_or(Ok(false), |value| self.0.encode(value, out))
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<Option<T>, DataError> {
        bytes.map(|bytes| self.0.decode(Some(bytes))).transpose()
    }

    fn unpartitioned_suffix(&self) -> usize {
        self.0.unpartitioned_suffix()
    }
}
