//! Record batches of format 2 ("magic 2"), the only one that brokers since 4.0 accept.
//!
//! ```text
//!  0 base offset      i64 ┐ prefix: patched by the broker, outside the checksum
//!  8 length           i32 │ bytes after this field
//! 12 leader epoch     i32 ┘
//! 16 magic            i8    2
//! 17 crc              u32   CRC-32C of everything after this field
//! 21 attributes       i16   codec 0-2 | log-append time 3 | transactional 4 | control 5 | delete horizon 6
//! 23 last offset delta i32
//! 27 base timestamp   i64   ms; the delete horizon where bit 6 is set
//! 35 max timestamp    i64   ms; every record's timestamp where bit 3 is set
//! 43 producer id      i64   -1: none
//! 51 producer epoch   i16
//! 53 base sequence    i32
//! 57 record count     i32
//! 61 records, compressed as one block if the attributes name a codec
//! ```
//!
//! All numbers are big-endian. Reading borrows: a [`Record`]'s key and value are slices of the batch, or of the
//! caller's scratch buffer where the batch is compressed.
//!
//! ```
//! use millstream_wire::batch::{BatchWriter, Batches, Header};
//! use millstream_wire::compression::Compression;
//!
//! let mut writer = BatchWriter::new(Compression::Zstd, None);
//! writer.append(1_700_000_000_000, Some(b"whale"), Some(b"1"), [Header::new("chapter", Some(b"1"))]);
//! writer.append(1_700_000_000_001, Some(b"whale"), None, []);
//! let bytes = writer.finish()?;
//!
//! let mut scratch = Vec::new();
//! for batch in Batches::new(&bytes) {
//!     let batch = batch?;
//!     batch.verify_crc()?;
//!     for record in batch.records(&mut scratch, 1 << 20)? {
//!         let record = record?;
//!         assert_eq!(record.key, Some(&b"whale"[..]));
//!     }
//! }
//! # Ok::<(), millstream_wire::batch::BatchError>(())
//! ```

mod compact;
mod cursor;
mod encode;
mod error;
mod header;
mod iter;
mod patch;
mod record;
mod records;
mod validate;
mod writer;

pub use compact::{CompactOptions, Compacted, compact};
pub use error::BatchError;
pub use header::{BATCH_HEADER_LEN, BATCH_PREFIX_LEN, BatchHeader, MAGIC, NO_SEQUENCE, TimestampType};
pub use iter::{Batch, Batches};
pub use patch::{patch_prefix, patch_producer, set_log_append_time};
pub use record::{Header, Headers, HeadersIter, NO_HEADERS, Record};
pub use records::{Records, RecordsPosition};
pub use validate::{ProduceLimits, validate_produced};
pub use writer::{BatchWriter, ProducerState};
