//! What can be wrong with a batch.

use kafka_protocol::error::ResponseError;

use crate::compression::CompressionError;

/// Why a batch was refused. [`BatchError::response_error`] gives the code that Kafka answers with.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than the header, or than the batch's own length says.
    #[error("the batch is cut short: it needs {needed} bytes and {have} are there")]
    Truncated {
        /// Bytes that the batch claims.
        needed: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A length field that no batch can have.
    #[error("the batch's length field is {0}, which no batch can have")]
    BadLength(i32),
    /// A message format other than 2.
    #[error("message format {0} is not supported; producers of format 0 and 1 ended with Kafka 4.0")]
    Magic(i8),
    /// The checksum does not match the bytes.
    #[error("the batch's checksum is {stored:#010x} and its bytes give {computed:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A batch over the topic's `max.message.bytes`.
    #[error(
        "the batch of {size} bytes is over the limit of {limit}; raise max.message.bytes or send less at once"
    )]
    TooLarge {
        /// Size of the batch in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A record that does not parse, or does not agree with its batch's header.
    #[error("record {index} of the batch: {reason}")]
    Record {
        /// Position of the record in its batch, from 0.
        index: i32,
        /// What was wrong.
        reason: &'static str,
    },
    /// Header fields that contradict each other, or that a client must not set.
    #[error("the batch's header: {0}")]
    Header(&'static str),
    /// The records do not decompress, or the codec does not exist.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

impl BatchError {
    /// The error code that Kafka answers a produce request with for this.
    #[must_use]
    pub fn response_error(&self) -> ResponseError {
        match self {
            Self::BadLength(_) | Self::Crc { .. } => ResponseError::CorruptMessage,
            Self::TooLarge { .. } => ResponseError::MessageTooLarge,
            // Formats that once were are refused for good; others are taken for damage, which may be sent again.
            Self::Magic(magic) if !(0..=1).contains(magic) => ResponseError::CorruptMessage,
            // Kafka reads batches while there are whole ones, and misses the one that must be there.
            Self::Truncated { .. } | Self::Magic(_) | Self::Record { .. } | Self::Header(_) => {
                ResponseError::InvalidRecord
            }
            Self::Compression(CompressionError::Unknown(_)) => ResponseError::UnsupportedCompressionType,
            Self::Compression(_) => ResponseError::CorruptMessage,
        }
    }
}
