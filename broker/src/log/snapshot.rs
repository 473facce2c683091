//! The producers of a partition in a file (`ProducerStateManager.PRODUCER_SNAPSHOT_ENTRY`, version 1).
//!
//! ```text
//! version i16 = 1 | crc32c u32 of what follows | count i32 | count times:
//! producer id i64 | epoch i16 | last sequence i32 | last offset i64 | offset delta i32 | timestamp i64
//! | coordinator epoch i32 | first offset of the open transaction i64, -1 for none          46 bytes
//! ```
//!
//! Every remembered batch has an entry, a producer's oldest first, so that a retry of any of them is a duplicate after
//! a restart too. Kafka writes the last one alone; it reads ours all the same, for a later entry replaces an earlier.

use millstream_wire::crc::crc32c;
use millstream_wire::ids::{Offset, ProducerEpoch, ProducerId};
use smallvec::smallvec;

use super::producers::{BATCHES_REMEMBERED, MAX_PRODUCERS, Producer, Producers, Sequenced};

const VERSION: i16 = 1;
const ENTRY_LEN: usize = 46;
const HEAD_LEN: usize = 2 + 4 + 4;

/// Bytes of the largest snapshot.
pub(super) const MAX_LEN: usize = HEAD_LEN + MAX_PRODUCERS * BATCHES_REMEMBERED * ENTRY_LEN;

/// What a producer without a batch (none is known to us) and one without a transaction carry.
const NONE: i32 = -1;

pub(super) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::with_capacity(producers.len() * ENTRY_LEN);
    for (id, producer) in producers.iter() {
        if producer.batches.is_empty() {
            encode_entry(&mut entries, id, producer, None);
        }
        for batch in &producer.batches {
            encode_entry(&mut entries, id, producer, Some(batch));
        }
    }
    let count = (entries.len() / ENTRY_LEN) as i32;
    let body = [count.to_be_bytes().as_slice(), &entries].concat();
    let mut bytes = Vec::with_capacity(6 + body.len());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn encode_entry(to: &mut Vec<u8>, id: ProducerId, producer: &Producer, batch: Option<&Sequenced>) {
    to.extend_from_slice(&id.0.to_be_bytes());
    to.extend_from_slice(&producer.epoch.0.to_be_bytes());
    to.extend_from_slice(&batch.map_or(NONE, |batch| batch.last_sequence).to_be_bytes());
    to.extend_from_slice(&batch.map_or(-1, |batch| batch.last_offset.0).to_be_bytes());
    to.extend_from_slice(&batch.map_or(0, |batch| batch.offset_delta).to_be_bytes());
    to.extend_from_slice(&batch.map_or(producer.last_timestamp, |batch| batch.timestamp).to_be_bytes());
    to.extend_from_slice(&NONE.to_be_bytes());
    to.extend_from_slice(&(-1_i64).to_be_bytes());
}

/// `None` where the bytes are no snapshot: the caller takes an older one.
pub(super) fn decode(bytes: &[u8]) -> Option<Producers> {
    let (head, body) = bytes.split_at_checked(6)?;
    if head[..2] != VERSION.to_be_bytes() || head[2..] != crc32c(body).to_be_bytes() {
        return None;
    }
    let (count, entries) = body.split_first_chunk::<4>()?;
    let mut producers = Producers::default();
    for entry in entries.chunks(ENTRY_LEN) {
        let (id, producer) = decode_entry(entry)?;
        producers.insert(id, producer);
    }
    (entries.len() == usize::try_from(i32::from_be_bytes(*count)).ok()? * ENTRY_LEN).then_some(producers)
}

fn decode_entry(entry: &[u8]) -> Option<(ProducerId, Producer)> {
    let (id, rest) = entry.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (last_sequence, rest) = rest.split_first_chunk()?;
    let (last_offset, rest) = rest.split_first_chunk()?;
    let (offset_delta, rest) = rest.split_first_chunk()?;
    let (timestamp, _) = rest.split_first_chunk()?;
    let timestamp = i64::from_be_bytes(*timestamp);
    let last = Sequenced {
        last_sequence: i32::from_be_bytes(*last_sequence),
        last_offset: Offset(i64::from_be_bytes(*last_offset)),
        offset_delta: i32::from_be_bytes(*offset_delta),
        timestamp,
    };
    let batches = if last.last_sequence == NONE { smallvec![] } else { smallvec![last] };
    let epoch = ProducerEpoch(i16::from_be_bytes(*epoch));
    Some((ProducerId(i64::from_be_bytes(*id)), Producer { epoch, batches, last_timestamp: timestamp }))
}

#[cfg(test)]
mod tests {
    use super::super::producers::ProducerStamp;
    use super::*;

    /// A producer whose batches of two records end at these offsets.
    fn producers(last_offsets: impl IntoIterator<Item = i64>) -> Producers {
        let mut producers = Producers::default();
        for (sequence, last_offset) in (2..).step_by(2).zip(last_offsets) {
            let stamp = ProducerStamp {
                id: ProducerId(0x0102),
                epoch: ProducerEpoch(3),
                first_sequence: sequence,
                offset_delta: 1,
                timestamp: 6,
            };
            producers.record(&stamp, Offset(last_offset));
        }
        producers
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let bytes = encode(&producers([0x55]));
        #[rustfmt::skip]
        let body = [
            0, 0, 0, 1,
            0, 0, 0, 0, 0, 0, 1, 2,  0, 3,  0, 0, 0, 3,  0, 0, 0, 0, 0, 0, 0, 0x55,  0, 0, 0, 1,
            0, 0, 0, 0, 0, 0, 0, 6,  0xff, 0xff, 0xff, 0xff,  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        assert_eq!(bytes[6..], body);
        assert_eq!(bytes[..2], [0, 1]);
        assert_eq!(decode(&bytes), Some(producers([0x55])));
    }

    #[test]
    fn every_batch_that_may_be_retried_is_kept() {
        let five = producers([10, 20, 30, 40, 50]);
        assert_eq!(decode(&encode(&five)), Some(five));
    }

    #[test]
    fn damage_is_seen() {
        let bytes = encode(&producers([0x55, 0x66]));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(decode(&damaged), None, "bit in byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
