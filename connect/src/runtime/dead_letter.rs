//! Dead letters: records that failed, in a topic of their own, with what went wrong (Kafka's `DeadLetterQueueReporter`, KIP-298).

use std::sync::Arc;

use chrono::Utc;
use millstream_client::{Delivery, Header, NewTopic, Producer, ProducerRecord};

use super::RunError;
use super::clients::Clients;
use super::failure::Failure;
use super::topics::ensure;
use crate::herder::TaskId;

/// The names of the headers, in Kafka's order.
pub mod headers {
    /// Topic of the record that failed.
    pub const TOPIC: &str = "__connect.errors.topic";
    /// Its partition.
    pub const PARTITION: &str = "__connect.errors.partition";
    /// Its offset.
    pub const OFFSET: &str = "__connect.errors.offset";
    /// The connector.
    pub const CONNECTOR: &str = "__connect.errors.connector.name";
    /// The number of its task.
    pub const TASK: &str = "__connect.errors.task.id";
    /// Where it failed.
    pub const STAGE: &str = "__connect.errors.stage";
    /// What was at work.
    pub const CLASS: &str = "__connect.errors.class.name";
    /// The exception that Java would throw.
    pub const EXCEPTION: &str = "__connect.errors.exception.class.name";
    /// What went wrong.
    pub const MESSAGE: &str = "__connect.errors.exception.message";
    /// What went wrong, in full.
    pub const TRACE: &str = "__connect.errors.exception.stacktrace";
    /// All of them begin so.
    pub const PREFIX: &str = "__connect.errors.";
}

/// A dead letter is longer than its record by its headers, so its topic takes longer ones.
const LETTER_MAX: usize = 16 << 20;

/// Where a record that failed is from. A source's record has a topic that it was for, and no offset.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) offset: Option<i64>,
}

/// The record that failed, as bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corpse<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) timestamp: Option<i64>,
}

/// Writes a task's dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    producer: Producer,
    topic: String,
    task: TaskId,
    with_context: bool,
}

impl DeadLetters {
    /// Makes the topic if it is not there.
    pub(crate) async fn open(
        clients: &Clients,
        topic: String,
        replication: Option<i16>,
        task: &TaskId,
        with_context: bool,
    ) -> Result<Self, RunError> {
        let admin = clients.admin().await?;
        ensure(&admin, &topic, "errors.deadletterqueue.topic.replication.factor", || {
            let mut new = NewTopic::new(topic.clone(), 1).config("max.message.bytes", LETTER_MAX.to_string());
            new.replication_factor = replication.filter(|factor| *factor > 0);
            Some(new)
        })
        .await?;
        let mut config = clients.producer_config("dlq")?;
        config.max_request_size = LETTER_MAX;
        config.buffer_memory = config.buffer_memory.max(LETTER_MAX * 2);
        Ok(Self { producer: config.build().await?, topic, task: task.clone(), with_context })
    }

    /// Sends a dead letter. It is written when the delivery says so.
    pub(crate) async fn send(
        &self,
        corpse: Corpse<'_>,
        from: &Address,
        failure: &Failure,
    ) -> Result<Delivery, RunError> {
        let context = if self.with_context { context(&self.task, from, failure) } else { Vec::new() };
        let own =
            context.iter().map(|(key, value)| Header { key: key.as_bytes(), value: Some(value.as_bytes()) });
        let all: Vec<Header<'_>> = corpse.headers.iter().copied().chain(own).collect();
        let record = ProducerRecord {
            topic: &self.topic,
            partition: None,
            key: corpse.key,
            value: corpse.value,
            headers: &all,
            // A time that lies ahead may be why the record failed: no topic but one that is told to takes it.
            timestamp: corpse.timestamp.map(|time| time.min(Utc::now().timestamp_millis())),
        };
        Ok(self.producer.send(record).await?)
    }
}

/// The headers that tell what went wrong, in Kafka's order and forms.
fn context(task: &TaskId, from: &Address, failure: &Failure) -> Vec<(&'static str, String)> {
    let mut context = vec![(headers::TOPIC, from.topic.to_string())];
    context.extend(from.partition.map(|partition| (headers::PARTITION, partition.to_string())));
    context.extend(from.offset.map(|offset| (headers::OFFSET, offset.to_string())));
    let Failure { stage, class, exception, message } = failure;
    context.extend([
        (headers::CONNECTOR, task.connector.clone()),
        (headers::TASK, task.task.to_string()),
        (headers::STAGE, stage.as_str().to_owned()),
        (headers::CLASS, class.clone()),
        (headers::EXCEPTION, (*exception).to_owned()),
        (headers::MESSAGE, message.clone()),
        // A trace begins with the exception as Java prints it; there are no frames to follow.
        (headers::TRACE, format!("{exception}: {message}\n")),
    ]);
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_those_of_kafka_connect_in_its_order() {
        let from = Address { topic: "orders".into(), partition: Some(3), offset: Some(42) };
        let context = context(&TaskId::new("es", 1), &from, &Failure::put("no such field"));
        let lines: Vec<String> = context.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            lines,
            [
                "__connect.errors.topic=orders",
                "__connect.errors.partition=3",
                "__connect.errors.offset=42",
                "__connect.errors.connector.name=es",
                "__connect.errors.task.id=1",
                "__connect.errors.stage=TASK_PUT",
                "__connect.errors.class.name=org.apache.kafka.connect.sink.SinkTask",
                "__connect.errors.exception.class.name=org.apache.kafka.connect.errors.ConnectException",
                "__connect.errors.exception.message=no such field",
                "__connect.errors.exception.stacktrace=org.apache.kafka.connect.errors.ConnectException: no such field\n",
            ]
        );
    }
}
