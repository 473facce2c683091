use crate::data::DataError;

/// Bytes that are no data, or data that a converter cannot write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The data does not fit its schema.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The bytes are not JSON.
    #[error("not JSON: {why} at byte {at}")]
    Json {
        /// Where in the bytes.
        at: usize,
        /// What was expected, or too much.
        why: &'static str,
    },
    /// The bytes are JSON, but not as this converter writes it.
    #[error("{0}")]
    Form(String),
    /// A number of another width.
    #[error("{expected} takes {width} bytes, here are {found}")]
    Width {
        /// The type.
        expected: &'static str,
        /// Its bytes.
        width: usize,
        /// The bytes there are.
        found: usize,
    },
    /// A value of another type than the converter's.
    #[error("{expected} cannot be made of {found}: choose the converter by what the records are")]
    Type {
        /// What the converter writes.
        expected: &'static str,
        /// What the value is.
        found: &'static str,
    },
}
