//! The sending half of a stream thread's link: the client's narrow producer, whose open batches belong to the thread.

use std::time::Instant;

use millstream_client::{BatchProducer, Header, TopicHandle as ClientTopic};
use smallvec::SmallVec;

use super::LinkError;
use super::cluster::failed;
use super::refusals::{Letter, Refusals};
use crate::processor::{Header as RecordHeader, Headers};
use crate::task::{SinkError, TopicHandle};
use crate::topology::TopicName;

/// Records without a key that go to one partition before the next has its turn: enough to fill a batch.
const KEYLESS_RUN: u32 = 512;

/// What a thread sends.
pub(crate) struct Sink {
    producer: BatchProducer,
    application_id: std::sync::Arc<str>,
    topics: Vec<SinkTopic>,
    refusals: Refusals,
}

struct SinkTopic {
    name: TopicName,
    /// `Err` is kept until somebody sends: making a handle cannot fail.
    client: Result<ClientTopic, millstream_client::Error>,
    /// How many records without a key were sent, to spread them.
    keyless: u32,
}

impl Sink {
    pub(crate) fn new(
        mut producer: BatchProducer,
        application_id: std::sync::Arc<str>,
        refusals: Refusals,
    ) -> Self {
        if refusals.are_asked() {
            producer.keep_rejected();
        }
        Self { producer, application_id, topics: Vec::new(), refusals }
    }

    /// See [`RecordSink::topic`](crate::task::RecordSink::topic).
    pub(crate) fn topic(&mut self, name: &TopicName) -> TopicHandle {
        let known = self.topics.iter().position(|topic| topic.name == *name);
        let index = known.unwrap_or_else(|| {
            let client = self.producer.topic(&name.resolve(&self.application_id));
            self.topics.push(SinkTopic { name: name.clone(), client, keyless: 0 });
            self.topics.len() - 1
        });
        TopicHandle(index as u32)
    }

    /// See [`RecordSink::partitions`](crate::task::RecordSink::partitions). A topic that is not there has one: sending to it
    /// says what is wrong.
    pub(crate) fn partitions(&self, topic: TopicHandle) -> i32 {
        let client = self.topics[topic.0 as usize].client.as_ref();
        client.map_or(1, |client| self.producer.partitions(*client))
    }

    /// See [`RecordSink::partition_for_key`](crate::task::RecordSink::partition_for_key).
    pub(crate) fn partition_for_key(&mut self, topic: TopicHandle, key: &[u8]) -> Option<i32> {
        let client = *self.topics[topic.0 as usize].client.as_ref().ok()?;
        Some(self.producer.partition_for_key(client, key))
    }

    /// See [`RecordSink::send`](crate::task::RecordSink::send).
    #[inline]
    pub(crate) fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), SinkError> {
        let sink = &mut self.topics[topic.0 as usize];
        let sent = match &sink.client {
            Ok(client) => {
                let client = *client;
                let partition = partition.unwrap_or_else(|| match key {
                    Some(key) => self.producer.partition_for_key(client, key),
                    None => sink.next_keyless(self.producer.partitions(client)),
                });
                if headers.is_empty() {
                    self.producer.append_bytes(client, partition, timestamp, key, value, &[])
                } else {
                    let headers: SmallVec<[Header<'_>; 4]> = headers.iter().map(on_the_wire).collect();
                    self.producer.append_bytes(client, partition, timestamp, key, value, &headers)
                }
            }
            Err(error) => Err(error.clone()),
        };
        sent.map_err(|source| SinkError { topic: self.resolved(topic), source: source.into() })
    }

    /// Sends what is there and waits until all of it is acknowledged, or given up as the policies say.
    pub(crate) fn flush(&mut self) -> Result<(), LinkError> {
        loop {
            let flushed = self.producer.flush_blocking();
            flushed.map_err(|error| failed("waiting for what was sent", error))?;
            if !self.bury_refused()? {
                return Ok(());
            }
        }
    }

    /// Has what was refused so far decided on; returns whether dead letters were sent.
    pub(crate) fn bury_refused(&mut self) -> Result<bool, LinkError> {
        let mut sent = false;
        while let Some(rejected) = self.producer.take_rejected() {
            let resolved = |topic: &&SinkTopic| topic.name.resolve(&self.application_id) == *rejected.topic;
            let Some(topic) = self.topics.iter().find(resolved) else {
                return Err(failed("waiting for what was sent", rejected.error));
            };
            let letters = self.refusals.settle(&topic.name, &rejected)?;
            for Letter { topic, key, value, timestamp, headers } in letters {
                let topic = self.topic(&topic);
                let outcome = self.send(topic, None, timestamp, key.as_deref(), value.as_deref(), &headers);
                outcome.map_err(|error| LinkError {
                    doing: "sending a dead letter".to_owned(),
                    source: std::sync::Arc::new(error),
                    retriable: false,
                })?;
                sent = true;
            }
        }
        Ok(sent)
    }

    /// Waits until everything that was sent is written or has failed.
    pub(crate) async fn settle(&mut self) {
        if let Err(error) = self.producer.flush().await {
            tracing::warn!(%error, "a thread that has failed could not write all that it had sent");
        }
    }

    /// The offset after the last acknowledged record.
    pub(crate) fn acknowledged(&self, topic: TopicHandle, partition: i32) -> Option<i64> {
        let client = self.topics[topic.0 as usize].client.as_ref().ok()?;
        self.producer.acknowledged(*client, partition).map(|offset| offset.0 + 1)
    }

    /// Sends batches that are older than `linger.ms`; returns when the next will be.
    pub(crate) fn seal_due(&mut self, now: Instant) -> Option<Instant> {
        self.producer.seal_due(now)
    }

    /// The name of a topic in the cluster.
    pub(crate) fn resolved(&self, topic: TopicHandle) -> String {
        self.topics[topic.0 as usize].name.resolve(&self.application_id)
    }
}

fn on_the_wire(header: &RecordHeader) -> Header<'_> {
    Header::new(&header.name, header.value.as_deref())
}

impl SinkTopic {
    fn next_keyless(&mut self, partitions: i32) -> i32 {
        let run = self.keyless / KEYLESS_RUN;
        self.keyless = self.keyless.wrapping_add(1);
        (run % partitions.max(1).unsigned_abs()) as i32
    }
}
