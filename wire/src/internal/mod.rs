//! Records that brokers keep for themselves, in the bytes of Kafka's own schemas, so that a directory of one is
//! read by the other.

pub mod metadata;
pub mod offsets;

use crate::fields::{FieldError, FieldReader};

/// Why a record of an internal topic was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A field cannot be read.
    #[error("a record of an internal topic: {0}")]
    Field(#[from] FieldError),
    /// A newer broker wrote it.
    #[error("version {0} of the record is not known; a newer broker wrote it")]
    UnknownVersion(i16),
    /// A newer controller wrote it.
    #[error("frame version {0} of a metadata record is not known; a newer controller wrote it")]
    UnknownFrame(u32),
}

/// Reads the version that every key and value of a coordinator's topic begins with; from `first_flexible` on the
/// fields behind it are compact.
fn versioned(bytes: &[u8], first_flexible: i16) -> Result<(i16, FieldReader<'_>), SchemaError> {
    let mut reader = FieldReader::new(bytes, false);
    let version = reader.i16()?;
    Ok((version, FieldReader::new(reader.rest(), version >= first_flexible)))
}
