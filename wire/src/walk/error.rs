//! What a walk finds wrong.

use super::MAX_TAGGED_FIELDS;

/// Bytes that are no message, and which message they were taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} version {version}, byte {at}: {kind}")]
pub struct WalkError {
    /// Name of the message, or of the API key if that is unknown.
    pub message: String,
    /// Version it was walked as.
    pub version: i16,
    /// How many bytes were walked before the fault.
    pub at: usize,
    /// The fault.
    pub kind: WalkErrorKind,
}

/// What a walk found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkErrorKind {
    /// No such API key.
    #[error("there is no such message")]
    UnknownMessage,
    /// The API has no such version.
    #[error("there is no such version")]
    UnknownVersion,
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A negative length other than null, or one over 2 GiB.
    #[error("a length is {0}")]
    BadLength(i64),
    /// A null in a field that has none.
    #[error("null stands where a value must")]
    Null,
    /// An array's count that the remaining bytes cannot hold.
    #[error("an array claims {count} elements and {remaining} bytes remain")]
    Count {
        /// The claim.
        count: usize,
        /// Bytes after the count.
        remaining: usize,
    },
    /// More than [`super::MAX_REQUEST_ELEMENTS`] or [`super::MAX_RESPONSE_ELEMENTS`].
    #[error("more array elements than one message may have; send less at once")]
    TooManyElements,
    /// More than [`MAX_TAGGED_FIELDS`].
    #[error("over {MAX_TAGGED_FIELDS} tagged fields")]
    TooManyTags,
    /// A known tagged field that does not fill its declared size.
    #[error("tagged field {tag} is not as long as it claims")]
    TagSize {
        /// The field's tag.
        tag: u32,
    },
}
