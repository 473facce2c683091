//! The answer to a produce request, written by hand.

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use smallvec::SmallVec;

use crate::log::{AppendError, Appended, RefusedRecord};
use crate::server::{Put, Reply, ReplyHeader, finish};

use super::request::{FLEXIBLE, TopicData};

/// Since this version a partition tells its log start offset.
const LOG_START: i16 = 5;
/// Since this version a partition tells which records were refused, and why.
const RECORD_ERRORS: i16 = 8;

/// What became of the batches for one topic.
#[derive(Debug)]
pub(super) struct TopicOutcome {
    pub(super) topic: TopicData,
    pub(super) partitions: SmallVec<[Outcome; 1]>,
}

/// What became of the batches for one partition.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) index: i32,
    pub(super) error: i16,
    base_offset: i64,
    log_append_time: i64,
    log_start_offset: i64,
    /// Which records are to blame, where it is not all of them.
    records: Vec<RefusedRecord>,
    message: Option<String>,
}

impl Outcome {
    pub(super) fn appended(index: i32, appended: &Appended) -> Self {
        Self {
            index,
            error: 0,
            base_offset: appended.base_offset.0,
            log_append_time: appended.log_append_time,
            log_start_offset: appended.log_start_offset.0,
            records: Vec::new(),
            message: None,
        }
    }

    pub(super) fn refused(index: i32, error: ResponseError, message: Option<String>) -> Self {
        Self {
            index,
            error: error.code(),
            base_offset: -1,
            log_append_time: -1,
            log_start_offset: -1,
            records: Vec::new(),
            message,
        }
    }

    /// The batch is in the log, and not known to be durable. Its offset is told all the same, as in Kafka.
    pub(super) fn timed_out(&mut self, error: &AppendError) {
        self.error = error.code().code();
        self.message = Some(error.to_string());
    }

    /// The same refusal, with the records that are to blame: the others may be sent again without them (KIP-467).
    pub(super) fn blaming(self, records: Vec<RefusedRecord>) -> Self {
        Self { records, ..self }
    }

    pub(super) fn reason(&self) -> String {
        self.message.clone().unwrap_or_else(|| format!("error code {}", self.error))
    }
}

/// Encodes the answer of one request.
pub(super) fn encode(header: ReplyHeader, topics: &[TopicOutcome]) -> Reply {
    /// An answer for one partition takes less.
    const TYPICAL_BYTES: usize = 128;
    let mut buffer = header.begin(TYPICAL_BYTES);
    put_topics(&mut buffer, header.version, topics);
    finish(&mut buffer, 0);
    Reply::bytes(buffer)
}

fn put_topics(buffer: &mut BytesMut, version: i16, topics: &[TopicOutcome]) {
    let mut put = Put { buffer, flexible: version >= FLEXIBLE };
    put.count(topics.len());
    for topic in topics {
        match &topic.topic {
            TopicData::Name(name) => put.string(&String::from_utf8_lossy(name)),
            TopicData::Id(id) => put.buffer.extend_from_slice(id.as_bytes()),
        }
        put.count(topic.partitions.len());
        for outcome in &topic.partitions {
            put_outcome(&mut put, version, outcome);
        }
        put.end();
    }
    let throttle_time_ms = 0;
    put.i32(throttle_time_ms);
    put.end();
}

fn put_outcome(put: &mut Put<'_>, version: i16, outcome: &Outcome) {
    put.i32(outcome.index);
    put.i16(outcome.error);
    put.i64(outcome.base_offset);
    put.i64(outcome.log_append_time);
    if version >= LOG_START {
        put.i64(outcome.log_start_offset);
    }
    if version >= RECORD_ERRORS {
        put.count(outcome.records.len());
        for record in &outcome.records {
            put.i32(record.index);
            put.nullable_string(Some(&record.reason));
            put.end();
        }
        put.nullable_string(outcome.message.as_deref());
    }
    put.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Buf, Bytes};
    use kafka_protocol::messages::ProduceResponse;
    use kafka_protocol::protocol::Decodable;
    use smallvec::smallvec;
    use uuid::Uuid;

    #[test]
    fn the_message_crate_reads_every_version_to_its_last_byte() {
        for version in 3..=13 {
            let topic = if version >= 13 {
                TopicData::Id(Uuid::from_u128(5))
            } else {
                TopicData::Name(Bytes::from_static(b"ab"))
            };
            let refused = Outcome::refused(3, ResponseError::CorruptMessage, Some("bad".to_owned()))
                .blaming(vec![RefusedRecord { index: 4, reason: "worse".to_owned() }]);
            let topics = [TopicOutcome { topic, partitions: smallvec![refused] }];
            let mut buffer = BytesMut::new();
            put_topics(&mut buffer, version, &topics);
            let mut bytes = buffer.freeze();
            let response = ProduceResponse::decode(&mut bytes, version).unwrap();
            assert!(!bytes.has_remaining(), "version {version}");
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!((partition.index, partition.error_code, partition.base_offset), (3, 2, -1));
            let message = if version >= 8 { Some("bad") } else { None };
            assert_eq!(partition.error_message.as_deref(), message);
            let blamed = partition.record_errors.first();
            let blamed =
                blamed.map(|record| (record.batch_index, record.batch_index_error_message.as_deref()));
            assert_eq!(blamed, (version >= 8).then_some((4, Some("worse"))));
        }
    }
}
