//! Topics and configs (Kafka's `TopicRecord`, `ConfigRecord`).

use uuid::Uuid;

use crate::fields::{FieldError, FieldReader, FieldWriter};

/// A topic was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its name, free again once the topic is deleted.
    pub name: String,
    /// Its id, never used again.
    pub topic_id: Uuid,
}

impl TopicRecord {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, FieldError> {
        Ok(Self { name: fields.text()?.to_owned(), topic_id: fields.uuid()? })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.text(&self.name);
        fields.uuid(self.topic_id);
    }
}

/// What a config belongs to (Kafka's `ConfigResource.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic,
    /// A broker, by its number; the empty name is the default of all brokers.
    Broker,
    /// Another kind, by its number.
    Other(i8),
}

impl ConfigResource {
    const TOPIC: i8 = 2;
    const BROKER: i8 = 4;

    /// The kind that a number stands for.
    #[must_use]
    pub fn from_code(code: i8) -> Self {
        match code {
            Self::TOPIC => Self::Topic,
            Self::BROKER => Self::Broker,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => Self::TOPIC,
            Self::Broker => Self::BROKER,
            Self::Other(code) => code,
        }
    }
}

/// A config was set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRecord {
    /// Kind of the resource.
    pub resource: ConfigResource,
    /// Name of the resource.
    pub resource_name: String,
    /// Name of the config.
    pub name: String,
    /// Its value; `None` removes it.
    pub value: Option<String>,
}

impl ConfigRecord {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            resource: ConfigResource::from_code(fields.i8()?),
            resource_name: fields.text()?.to_owned(),
            name: fields.text()?.to_owned(),
            value: fields.nullable_text()?.map(str::to_owned),
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.i8(self.resource.code());
        fields.text(&self.resource_name);
        fields.text(&self.name);
        fields.nullable_text(self.value.as_deref());
    }
}
