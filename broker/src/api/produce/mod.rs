//! Produce: batches go from the frame to the log as they are.
//!
//! The request is read by hand, for the message crate would build maps around every batch. Appends happen here, on
//! the connection's task; what is left to wait for with `acks=all` is the high watermark.

mod request;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::api::Shared;
use crate::log::{AppendError, AppendOrigin, Partition};
use crate::metadata::{Topic, now_ms};
use crate::server::{Answer, Fault, Reply, ReplyHeader};
use millstream_wire::batch::BatchHeader;
use millstream_wire::compression::Compression;
use millstream_wire::ids::Offset;
use request::{PartitionData, ProduceRequest, TopicData};
use response::{Outcome, TopicOutcome, encode};

/// The client id of Kafka's own tools, which may write to the broker's topics (`AdminUtils.ADMIN_CLIENT_ID`).
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// Since this version batches may be compressed by Zstandard (KIP-110).
const ZSTD: i16 = 7;

/// A partition whose high watermark has to pass an offset before the answer goes out.
struct Wait {
    partition: Arc<Partition>,
    last_offset: Offset,
    topic: usize,
    index: usize,
}

/// What the batches of one request came to.
#[derive(Default)]
struct Produced {
    topics: SmallVec<[TopicOutcome; 1]>,
    waits: SmallVec<[Wait; 1]>,
}

pub(crate) fn handle(
    shared: &Arc<Shared>,
    header: ReplyHeader,
    client_id: &str,
    body: Bytes,
) -> Result<Answer, Fault> {
    let mut request = ProduceRequest::begin(body, header.version).ok_or_else(|| malformed(header))?;
    let is_admin = client_id == ADMIN_CLIENT_ID;
    let mut produced = Produced::default();
    while let Some(topic) = request.next_topic().ok_or_else(|| malformed(header))? {
        produced.append_topic(shared, &mut request, &topic, is_admin).ok_or_else(|| malformed(header))?;
    }
    match request.acks {
        0 => produced.without_acknowledgement(shared, header),
        -1 => Ok(produced.acknowledge_when_safe(shared, header, Instant::now() + request.timeout)),
        _ => Ok(Answer::Ready(produced.answer(shared, header))),
    }
}

fn malformed(header: ReplyHeader) -> Fault {
    Fault::Malformed(header.api_key, header.version, "its fields end early".to_owned())
}

impl Produced {
    fn append_topic(
        &mut self,
        shared: &Shared,
        request: &mut ProduceRequest,
        name: &TopicData,
        is_admin: bool,
    ) -> Option<()> {
        let topic = match name {
            TopicData::Name(name) => shared.metadata.topic(std::str::from_utf8(name).ok()?),
            TopicData::Id(id) => shared.metadata.topic_by_id(*id),
        };
        let mut outcome = TopicOutcome { topic: name.clone(), partitions: SmallVec::new() };
        while let Some(data) = request.next_partition()? {
            let result = check(request.acks, topic.as_deref(), name, is_admin);
            outcome.partitions.push(match result {
                Ok(_) if is_ahead_of_version(&data.records, request.version) => {
                    Outcome::refused(data.index, ResponseError::UnsupportedCompressionType, None)
                }
                Ok(topic) => self.append(topic, data, outcome.partitions.len()),
                Err(error) => Outcome::refused(data.index, error, None),
            });
        }
        self.topics.push(outcome);
        Some(())
    }

    fn append(&mut self, topic: &Topic, data: PartitionData, position: usize) -> Outcome {
        let Some(partition) = topic.partition(data.index) else {
            return Outcome::refused(data.index, ResponseError::UnknownTopicOrPartition, None);
        };
        let appended = match partition.append(data.records, AppendOrigin::Client, now_ms()) {
            Ok(appended) => appended,
            Err(error) => return refused(data.index, &error),
        };
        if partition.high_watermark() <= appended.last_offset {
            self.waits.push(Wait {
                partition: partition.clone(),
                last_offset: appended.last_offset,
                topic: self.topics.len(),
                index: position,
            });
        }
        Outcome::appended(data.index, &appended)
    }

    /// acks=-1: the answer goes out when every batch is as safe as its topic promises, or at the deadline.
    fn acknowledge_when_safe(
        mut self,
        shared: &Arc<Shared>,
        header: ReplyHeader,
        deadline: Instant,
    ) -> Answer {
        if self.waits.is_empty() {
            return Answer::Ready(self.answer(shared, header));
        }
        let shared = Arc::clone(shared);
        Answer::Waiting(Box::pin(async move {
            for wait in std::mem::take(&mut self.waits) {
                let outcome = &mut self.topics[wait.topic].partitions[wait.index];
                match wait.partition.wait_until(wait.last_offset, deadline).await {
                    Ok(()) => {}
                    Err(error @ AppendError::TimedOut) => outcome.timed_out(&error),
                    Err(error) => *outcome = refused(outcome.index, &error),
                }
            }
            Ok(self.answer(&shared, header))
        }))
    }

    fn answer(&self, shared: &Shared, header: ReplyHeader) -> Reply {
        self.count_errors(shared, header);
        encode(header, &self.topics)
    }

    fn count_errors(&self, shared: &Shared, header: ReplyHeader) {
        let outcomes = self.topics.iter().flat_map(|topic| &topic.partitions);
        outcomes.for_each(|outcome| shared.counters.failed(header.api_key, outcome.error));
    }

    /// acks=0: there is no answer, so that an error can only be told by closing the connection.
    fn without_acknowledgement(self, shared: &Shared, header: ReplyHeader) -> Result<Answer, Fault> {
        self.count_errors(shared, header);
        let refused = self.topics.iter().find_map(|topic| {
            let outcome = topic.partitions.iter().find(|outcome| outcome.error != 0)?;
            Some(Fault::UnacknowledgedProduce { topic: topic.topic.to_string(), reason: outcome.reason() })
        });
        refused.map_or(Ok(Answer::None), Err)
    }
}

/// What can be said before a batch is looked at.
fn check<'a>(
    acks: i16,
    topic: Option<&'a Topic>,
    name: &TopicData,
    is_admin: bool,
) -> Result<&'a Topic, ResponseError> {
    if !matches!(acks, -1..=1) {
        return Err(ResponseError::InvalidRequiredAcks);
    }
    match (topic, name) {
        (Some(topic), _) if topic.is_internal() && !is_admin => Err(ResponseError::InvalidTopicException),
        (Some(topic), _) => Ok(topic),
        (None, TopicData::Name(_)) => Err(ResponseError::UnknownTopicOrPartition),
        (None, TopicData::Id(_)) => Err(ResponseError::UnknownTopicId),
    }
}

fn refused(index: i32, error: &AppendError) -> Outcome {
    let outcome = Outcome::refused(index, error.code(), Some(error.to_string()));
    match error {
        AppendError::Records { records, .. } => outcome.blaming(records.clone()),
        _ => outcome,
    }
}

/// Whether a batch is compressed by a codec that came later than the version in which it is sent.
fn is_ahead_of_version(records: &[u8], version: i16) -> bool {
    version < ZSTD
        && BatchHeader::parse(records)
            .is_ok_and(|header| header.compression().ok() == Some(Compression::Zstd))
}
