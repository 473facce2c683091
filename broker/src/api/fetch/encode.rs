//! The answer to a fetch, written by hand around the file ranges that hold its records.

use std::io;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use smallvec::SmallVec;

use crate::api::fetch::collect::{PartitionAnswer, TopicKey};
use crate::log::FileRange;
use crate::server::{Fault, Part, Put, Reply, ReplyHeader, finish};

/// Since this version an answer has a session and an error of its own.
const SESSIONS: i16 = 7;
/// Since this version a partition tells its log start offset.
const LOG_START: i16 = 5;
/// Since this version a partition names the replica to read from.
const READ_REPLICA: i16 = 11;
/// Since this version lengths are compact and structures end with tagged fields.
const FLEXIBLE: i16 = 12;

/// Ranges up to this size are read into the answer: two system calls and the pages' bookkeeping cost more.
const MAX_COPIED_BYTES: usize = 16 * 1024;

/// The tagged field `DivergingEpoch` of a partition.
const DIVERGING_EPOCH_TAG: u32 = 0;

/// An answer on its way: buffers, and file ranges between them.
struct Writer {
    /// The first bytes, once a file range follows them: the length prefix in them is known at the end.
    head: Option<BytesMut>,
    /// What follows the head.
    parts: SmallVec<[Part; 2]>,
    /// Bytes of `parts`.
    len: usize,
    buffer: BytesMut,
    version: i16,
}

/// Encodes an answer. It fails where a file cannot be read: then its partition is offline from here on.
pub(super) fn encode(
    header: ReplyHeader,
    session_id: i32,
    answers: &[PartitionAnswer],
) -> Result<Reply, Fault> {
    /// Header, session and a partition or two.
    const TYPICAL_BYTES: usize = 256;
    let small: usize = answers.iter().map(PartitionAnswer::len).filter(|len| *len <= MAX_COPIED_BYTES).sum();
    let mut writer = Writer::new(header, TYPICAL_BYTES + small + 64 * answers.len());
    writer.begin(0, session_id);
    writer.topics(answers)?;
    Ok(writer.end())
}

/// An answer that is an error as a whole.
pub(super) fn refuse(header: ReplyHeader, error: ResponseError) -> Result<Reply, Fault> {
    let mut writer = Writer::new(header, 32);
    writer.begin(error.code(), 0);
    writer.topics(&[])?;
    Ok(writer.end())
}

impl Writer {
    fn new(header: ReplyHeader, capacity: usize) -> Self {
        let buffer = header.begin(capacity);
        Self { head: None, parts: SmallVec::new(), len: 0, buffer, version: header.version }
    }

    fn put(&mut self) -> Put<'_> {
        Put { flexible: self.version >= FLEXIBLE, buffer: &mut self.buffer }
    }

    fn begin(&mut self, error: i16, session_id: i32) {
        let has_session = self.version >= SESSIONS;
        let mut put = self.put();
        let throttle_time_ms = 0;
        put.i32(throttle_time_ms);
        if has_session {
            put.i16(error);
            put.i32(session_id);
        }
    }

    fn topics(&mut self, answers: &[PartitionAnswer]) -> Result<(), Fault> {
        let topics = answers.chunk_by(|a, b| a.topic == b.topic);
        self.put().count(topics.clone().count());
        for partitions in topics {
            self.topic(partitions)?;
        }
        self.put().end();
        Ok(())
    }

    fn topic(&mut self, partitions: &[PartitionAnswer]) -> Result<(), Fault> {
        match &partitions[0].topic {
            TopicKey::Name(name) => self.put().string(name),
            TopicKey::Id(id) => self.buffer.extend_from_slice(id.as_bytes()),
        }
        self.put().count(partitions.len());
        for partition in partitions {
            self.partition(partition)?;
        }
        self.put().end();
        Ok(())
    }

    fn partition(&mut self, answer: &PartitionAnswer) -> Result<(), Fault> {
        let version = self.version;
        let mut put = self.put();
        put.i32(answer.index);
        put.i16(answer.error);
        put.i64(answer.high_watermark);
        let last_stable_offset = answer.high_watermark;
        put.i64(last_stable_offset);
        if version >= LOG_START {
            put.i64(answer.log_start_offset);
        }
        if answer.read_committed {
            put.count(0)
        } else {
            put.null()
        }
        if version >= READ_REPLICA {
            let no_preferred_replica = -1;
            put.i32(no_preferred_replica);
        }
        put.count(answer.len());
        self.records(answer)?;
        self.partition_end(answer);
        Ok(())
    }

    fn partition_end(&mut self, answer: &PartitionAnswer) {
        let Some((epoch, end)) = answer.diverging.filter(|_| self.version >= FLEXIBLE) else {
            return self.put().end();
        };
        /// Epoch, offset and the end of the structure.
        const SIZE: u32 = 4 + 8 + 1;
        let mut put = self.put();
        put.varint(1);
        put.varint(DIVERGING_EPOCH_TAG);
        put.varint(SIZE);
        put.i32(epoch.0);
        put.i64(end.0);
        put.end();
    }

    fn records(&mut self, answer: &PartitionAnswer) -> Result<(), Fault> {
        if let Some(bytes) = &answer.preread {
            self.insert(Part::Bytes(bytes.clone()));
            return Ok(());
        }
        for range in &answer.ranges {
            if range.len > MAX_COPIED_BYTES && can_send(range) {
                self.insert(Part::File(range.clone()));
                continue;
            }
            self.copy(range).map_err(|error| {
                if let Some(partition) = &answer.partition {
                    partition.read_failed(&error);
                }
                Fault::Unreadable(error)
            })?;
        }
        Ok(())
    }

    fn copy(&mut self, range: &FileRange) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.resize(start + range.len, 0);
        let read = range.file.read_at(&mut self.buffer[start..], range.position)?;
        if read < range.len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Puts a part between what was written and what follows.
    fn insert(&mut self, part: Part) {
        self.cut();
        self.len += part.len();
        self.parts.push(part);
    }

    /// Ends the piece of buffer that is being written.
    fn cut(&mut self) {
        let written = self.buffer.split();
        if self.head.is_none() {
            self.head = Some(written);
        } else if !written.is_empty() {
            self.len += written.len();
            self.parts.push(Part::Bytes(written.freeze()));
        }
    }

    fn end(mut self) -> Reply {
        self.cut();
        let mut head = self.head.unwrap_or_default();
        finish(&mut head, self.len);
        let mut reply = Reply::bytes(head);
        reply.parts.extend(self.parts);
        reply
    }
}

/// Whether the kernel can send the range from where it lies.
fn can_send(range: &FileRange) -> bool {
    cfg!(target_os = "linux") && range.file.descriptor().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kafka_protocol::messages::{ApiKey, FetchResponse};
    use kafka_protocol::protocol::Decodable;
    use millstream_wire::ids::{LeaderEpoch, Offset};
    use uuid::Uuid;

    fn answer(version: i16, index: i32) -> PartitionAnswer {
        let topic =
            if version >= 13 { TopicKey::Id(Uuid::from_u128(3)) } else { TopicKey::Name("ab".into()) };
        PartitionAnswer {
            topic,
            index,
            error: 0,
            high_watermark: 9,
            log_start_offset: 2,
            diverging: Some((LeaderEpoch(4), Offset(5))),
            read_committed: true,
            ranges: SmallVec::new(),
            preread: Some(Bytes::from_static(b"records")),
            partition: None,
        }
    }

    fn whole(reply: Reply) -> Bytes {
        let mut bytes = BytesMut::new();
        for part in reply.parts {
            let Part::Bytes(part) = part else { panic!("there is no file") };
            bytes.extend_from_slice(&part);
        }
        assert_eq!(u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len() - 4);
        bytes.freeze()
    }

    #[test]
    fn the_message_crate_reads_every_version_to_its_last_byte() {
        for version in 4..=18 {
            let header = ReplyHeader { api_key: ApiKey::Fetch, version, correlation_id: 1 };
            let reply = encode(header, 77, &[answer(version, 0), answer(version, 1)]).unwrap();
            let mut bytes = whole(reply).slice(if version >= 12 { 9 } else { 8 }..);
            let response = FetchResponse::decode(&mut bytes, version).unwrap();
            assert!(bytes.is_empty(), "version {version}");
            let partitions = &response.responses[0].partitions;
            assert_eq!(partitions.len(), 2);
            assert_eq!(partitions[1].records.as_deref(), Some(&b"records"[..]));
            assert_eq!(partitions[1].aborted_transactions.as_deref(), Some(&[][..]));
            if version >= 12 {
                assert_eq!(partitions[1].diverging_epoch.end_offset, 5);
            }
        }
    }

    #[test]
    fn a_refused_fetch_tells_its_error() {
        let header = ReplyHeader { api_key: ApiKey::Fetch, version: 12, correlation_id: 1 };
        let reply = refuse(header, ResponseError::InvalidFetchSessionEpoch).unwrap();
        let response = FetchResponse::decode(&mut whole(reply).slice(9..), 12).unwrap();
        assert_eq!(response.error_code, ResponseError::InvalidFetchSessionEpoch.code());
    }
}
