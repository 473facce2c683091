//! The source `syslog`: receives what machines and devices say.

mod framing;
mod listener;
mod message;
mod old_time;
mod options;
mod overflow;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use tokio::net::TcpListener;

use self::listener::{Arrived, Listeners};
use self::message::Reader;
use crate::data::SchemaAndValue;
use crate::{
    About, ConnectError, End, Finding, Record, Source, SourceBatch, SourceContext, SourceTask, TaskError,
};
pub use framing::Framing;
pub use message::{Format, Zone};
pub use options::{Key, Protocol, SyslogOptions};

/// Messages that are handed on at once.
const BATCH_MAX: usize = 1_000;

/// Receives syslog. The protocol knows no acknowledgement: what was received and not yet written when the process dies is lost.
pub struct SyslogSource;

#[async_trait]
impl Source for SyslogSource {
    type Options = SyslogOptions;

    const ABOUT: About = About {
        name: "syslog",
        aliases: &[],
        summary: "Receives syslog by UDP and TCP (RFC 3164, RFC 5424, RFC 6587).",
    };

    /// What was sent does not come again.
    const KEEPS_POSITIONS: bool = false;

    async fn check(options: &SyslogOptions) -> Vec<Finding> {
        vec![match TcpListener::bind(&options.listen).await {
            Ok(_) => Finding::fine(&options.listen, "can be listened on"),
            Err(error) => Finding::wrong(&options.listen, format!("cannot be listened on: {error}")),
        }]
    }

    async fn open(
        options: SyslogOptions,
        _context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let listeners = Listeners::open(&options).await.map_err(ConnectError::Refused)?;
        let topic: Arc<str> = options.topic.as_str().into();
        let unparsed = options.unparsed_topic.as_deref().map_or_else(|| topic.clone(), Arc::from);
        let reader = Reader { format: options.format, zone: options.timezone };
        Ok(Box::new(SyslogTask { listeners, reader, key: options.key, topic, unparsed, batch: Vec::new() }))
    }
}

struct SyslogTask {
    listeners: Listeners,
    reader: Reader,
    key: Key,
    topic: Arc<str>,
    /// Where goes what is no syslog.
    unparsed: Arc<str>,
    /// What was taken from the queue; empty between polls.
    batch: Vec<Arrived>,
}

#[async_trait]
impl SourceTask for SyslogTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        if self.listeners.arrived.recv_many(&mut self.batch, BATCH_MAX).await == 0 {
            return Ok(None);
        }
        let arrived = std::mem::take(&mut self.batch);
        let records = arrived.into_iter().map(|arrived| self.record(arrived)).collect();
        Ok(Some(SourceBatch { records, ..SourceBatch::default() }))
    }

    fn end(&self) -> End {
        End::Never
    }

    async fn close(&mut self) {
        self.listeners.close();
    }
}

impl SyslogTask {
    fn record(&self, arrived: Arrived) -> Record {
        let now = Utc::now();
        let parsed = self.reader.read(&arrived.frame, now);
        let peer: Arc<str> = arrived.peer.to_string().into();
        let key = match self.key {
            Key::Host => Some(parsed.host.map_or_else(|| peer.clone(), Arc::from)),
            Key::Peer => Some(peer.clone()),
            Key::None => None,
        };
        let topic = if parsed.is_syslog { &self.topic } else { &self.unparsed };
        let mut record =
            Record::new(topic.clone(), SchemaAndValue::schemaless(parsed.value.with("peer", peer)));
        record.key = key.map_or(SchemaAndValue::NULL, SchemaAndValue::string);
        let now = now.timestamp_millis();
        record.said_at(parsed.timestamp.filter(|time| *time >= 0).unwrap_or(now), now)
    }
}
