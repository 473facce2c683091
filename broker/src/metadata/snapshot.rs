//! A snapshot: all of the metadata as of an offset, in Kafka's format, so that the log before it may go.
//!
//! ```text
//! 00000000000000000123-0000000002.checkpoint      state before offset 123, written in epoch 2
//!
//! batch: snapshot header | batches of records | batch: snapshot footer
//! ```

use bytes::Bytes;
use millstream_wire::batch::{BatchError, BatchWriter, Batches, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::control::{ControlRecord, SnapshotMark};
use millstream_wire::ids::{LeaderEpoch, Offset};

use crate::metadata::image::Image;
use crate::metadata::records::{decode_change, encode_change};

const EXTENSION: &str = ".checkpoint";

/// Records of one batch.
const BATCH_RECORDS: i32 = 1000;

/// What a batch may unfold to when it is read.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// Which state a snapshot holds: what the log says below an offset, written in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SnapshotId {
    pub(super) offset: Offset,
    pub(super) epoch: LeaderEpoch,
}

impl SnapshotId {
    pub(super) fn file_name(self) -> String {
        format!("{:020}-{:010}{EXTENSION}", self.offset.0, self.epoch.0)
    }

    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let (offset, epoch) = name.strip_suffix(EXTENSION)?.split_once('-')?;
        let widths = (offset.len(), epoch.len()) == (20, 10);
        let (offset, epoch) = (offset.parse().ok()?, epoch.parse().ok()?);
        widths.then_some(Self { offset: Offset(offset), epoch: LeaderEpoch(epoch) })
    }
}

/// The bytes of a snapshot.
pub(super) fn encode(
    image: &Image,
    id: SnapshotId,
    node_id: i32,
    now_ms: i64,
) -> Result<Vec<u8>, BatchError> {
    // Offsets within a snapshot count from 0.
    let mut next = Offset(0);
    let mut bytes = Vec::new();
    let begin = SnapshotMark::Begin { last_contained_log_timestamp: now_ms };
    bytes.extend_from_slice(&begin.batch(next, id.epoch, now_ms)?);
    next = next.plus(1);
    let mut writer = BatchWriter::new(Compression::None, None);
    let mut value = Vec::new();
    let mut changes = image.changes().peekable();
    while let Some(change) = changes.next() {
        value.clear();
        encode_change(&change, node_id, &mut value);
        writer.append(now_ms, None, Some(&value), NO_HEADERS);
        let count = writer.count();
        if count == BATCH_RECORDS || changes.peek().is_none() {
            writer.set_position(next, id.epoch);
            bytes.extend_from_slice(&writer.finish()?);
            next = next.plus(count.into());
        }
    }
    bytes.extend_from_slice(&SnapshotMark::End.batch(next, id.epoch, now_ms)?);
    Ok(bytes)
}

/// Reads a snapshot, and says what is wrong with one that is not whole.
pub(super) fn decode(bytes: &Bytes) -> Result<Image, String> {
    let mut image = Image::default();
    let mut marks = Vec::new();
    let mut scratch = Vec::new();
    let mut batches = Batches::new(bytes);
    for batch in batches.by_ref() {
        let batch = batch.map_err(text)?;
        batch.verify_crc().map_err(text)?;
        for record in batch.records(&mut scratch, MAX_BATCH_BYTES).map_err(text)? {
            let record = record.map_err(text)?;
            if batch.header.is_control() {
                marks.push(ControlRecord::read(&record).map_err(text)?);
            } else if let Some(value) = record.value {
                image.apply(&decode_change(value).map_err(text)?).map_err(text)?;
            }
        }
    }
    let begun = matches!(marks.first(), Some(ControlRecord::Snapshot(SnapshotMark::Begin { .. })));
    let ended = matches!(marks.last(), Some(ControlRecord::Snapshot(SnapshotMark::End)));
    if begun && ended && batches.remaining().is_empty() {
        Ok(image)
    } else {
        Err("it does not reach from its header to its footer".to_owned())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::metadata::change::{Change, Resource};

    const ID: SnapshotId = SnapshotId { offset: Offset(123), epoch: LeaderEpoch(2) };

    fn image() -> Image {
        let mut image = Image::default();
        let value = |resource, value: &str| Change::Config {
            resource,
            name: "retention.ms".to_owned(),
            value: Some(value.to_owned()),
        };
        for (number, name) in ["a", "b"].into_iter().enumerate() {
            let id = Uuid::from_u128(number as u128 + 5);
            image.apply(&Change::Topic { name: name.into(), id }).unwrap();
            for index in 0..1500 {
                image.apply(&Change::Partition { topic_id: id, index }).unwrap();
            }
            image.apply(&value(Resource::Topic(name.into()), "77")).unwrap();
        }
        image.apply(&value(Resource::Broker, "88")).unwrap();
        image.apply(&Change::ProducerIds { next: 3000 }).unwrap();
        image
    }

    #[test]
    fn an_image_comes_back_whole_or_not_at_all() {
        let bytes = Bytes::from(encode(&image(), ID, 1, 99).unwrap());
        assert_eq!(decode(&bytes), Ok(image()));
        for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            assert!(decode(&bytes.slice(..length)).is_err(), "{length} of {} bytes", bytes.len());
        }
        let mut flipped = bytes.to_vec();
        flipped[bytes.len() / 2] ^= 1;
        assert!(decode(&flipped.into()).is_err());
    }

    #[test]
    fn offsets_within_count_from_zero() {
        let bytes = encode(&image(), ID, 1, 99).unwrap();
        let headers = Batches::new(&bytes).map(|batch| batch.unwrap().header);
        let mut next = Offset(0);
        for header in headers {
            assert_eq!((header.base_offset, header.leader_epoch), (next, ID.epoch));
            next = header.next_offset();
        }
        assert_eq!(next.0, 1 + 2 * (1 + 1500 + 1) + 2 + 1);
    }

    #[test]
    fn names_come_back() {
        assert_eq!(ID.file_name(), "00000000000000000123-0000000002.checkpoint");
        assert_eq!(SnapshotId::of_file_name(&ID.file_name()), Some(ID));
        for other in
            ["leader-epoch-checkpoint", "1-2.checkpoint", "00000000000000000123-0000000002.checkpoint.tmp"]
        {
            assert_eq!(SnapshotId::of_file_name(other), None);
        }
    }
}
