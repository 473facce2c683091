//! Why bytes are not a value, or a value has no bytes.

use thiserror::Error;

/// A key or value that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A null where the type has none. Read the topic with `Option<T>` if records without a key or tombstones belong there.
    #[error("null where the type is no Option")]
    Null,
    /// A value of fixed width came with another length.
    #[error("{actual} bytes where {expected} are needed")]
    Length {
        /// Bytes the type takes.
        expected: usize,
        /// Bytes that were there.
        actual: usize,
    },
    /// Text that is not UTF-8.
    #[error("not UTF-8: {0}")]
    Utf8(#[from] std::str::Utf8Error),
    /// What a format, JSON for one, had against the bytes or the value.
    #[error("{0}")]
    Format(Box<dyn std::error::Error + Send + Sync>),
}

impl DataError {
    /// Wraps the error of a format.
    pub fn format(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Format(source.into())
    }
}
