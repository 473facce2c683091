//! A dead letter.

use millstream_client::{Record, TopicPartition};
use millstream_connect::runtime::dead_letter_headers as names;

/// A dead letter, as it lies in its topic.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Letter {
    pub(super) fn read(partition: &TopicPartition, record: &Record<'_>) -> Self {
        let headers = record.headers.into_iter();
        Self {
            partition: partition.partition,
            offset: record.offset.0,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers
                .map(|header| {
                    (String::from_utf8_lossy(header.key).into_owned(), header.value.map(<[u8]>::to_vec))
                })
                .collect(),
        }
    }

    /// What a header says, the last of its name.
    fn said(&self, name: &str) -> Option<String> {
        let header = self.headers.iter().rev().find(|(key, _)| key == name)?;
        Some(String::from_utf8_lossy(header.1.as_deref()?).into_owned())
    }

    /// The topic that the record was in, or was for.
    pub(super) fn origin(&self) -> Option<String> {
        self.said(names::TOPIC)
    }

    /// Where it was, as `topic-partition@offset`, as far as that is known.
    pub(super) fn address(&self) -> String {
        let topic = self.origin().unwrap_or_default();
        match (self.said(names::PARTITION), self.said(names::OFFSET)) {
            (Some(partition), Some(offset)) => format!("{topic}-{partition}@{offset}"),
            _ => topic,
        }
    }

    pub(super) fn stage(&self) -> String {
        self.said(names::STAGE).unwrap_or_default()
    }

    pub(super) fn message(&self) -> String {
        self.said(names::MESSAGE).unwrap_or_default()
    }

    /// The headers that the record had before it failed.
    pub(super) fn own_headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let own = self.headers.iter().filter(|(name, _)| !name.starts_with(names::PREFIX));
        own.map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}
