//! What went wrong with a record, in the words of Kafka Connect's dead letters.

use crate::config::Veil;

/// Where a record failed (Kafka's `Stage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The target refused it.
    TaskPut,
    /// A transform or a predicate failed.
    Transformation,
    /// Its key is not what the converter expects.
    KeyConverter,
    /// Its value is not.
    ValueConverter,
    /// A header is not.
    HeaderConverter,
    /// The broker refused it.
    KafkaProduce,
}

impl Stage {
    /// As the header `__connect.errors.stage` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TaskPut => "TASK_PUT",
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}

/// Why a record is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    /// What was at work: the Java class whose part it plays, where there is one.
    pub(crate) class: String,
    /// The Java exception that says the same.
    pub(crate) exception: &'static str,
    pub(crate) message: String,
}

/// What converters and transforms throw in Java.
pub(crate) const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";
/// What connectors and producers end with in Java.
pub(crate) const CONNECT_EXCEPTION: &str = "org.apache.kafka.connect.errors.ConnectException";

impl Failure {
    /// As it may be told: a target's words can have a secret in them.
    pub(crate) fn behind(&self, veil: &Veil) -> Self {
        Self { message: veil.over(&self.message).into_owned(), ..self.clone() }
    }

    /// The target refused the record.
    pub(crate) fn put(why: impl Into<String>) -> Self {
        Self {
            stage: Stage::TaskPut,
            class: "org.apache.kafka.connect.sink.SinkTask".to_owned(),
            exception: CONNECT_EXCEPTION,
            message: why.into(),
        }
    }

    /// The broker refused the record.
    pub(crate) fn produce(why: impl Into<String>) -> Self {
        Self {
            stage: Stage::KafkaProduce,
            class: "org.apache.kafka.clients.producer.KafkaProducer".to_owned(),
            exception: CONNECT_EXCEPTION,
            message: why.into(),
        }
    }
}
