//! From changelog records back to a store.

use millstream_wire::batch::Record;

use super::backend::KeyValueBackend;

/// Stages one changelog record.
///
/// The changelog holds the plain value under the record's timestamp, the store Kafka's timestamped value (8 bytes big-endian
/// milliseconds, then the value), as `StateSerdes` and `RecordConverters` have it. A null value deletes. A record without a
/// key, which no store writes, is skipped.
pub(crate) fn stage(backend: &mut dyn KeyValueBackend, record: &Record<'_>, scratch: &mut Vec<u8>) {
    let Some(key) = record.key else { return };
    let Some(value) = record.value else {
        backend.stage_changelog(key, None);
        return;
    };
    scratch.clear();
    scratch.extend_from_slice(&record.timestamp.to_be_bytes());
    scratch.extend_from_slice(value);
    backend.stage_changelog(key, Some(scratch));
}
