//! What a broker refuses long after it was sent.

use millstream_client::{Record, Rejected};

use super::LinkError;
use super::cluster::failed;
use super::worker::raw;
use crate::errors::{Action, Bytes, ErrorCounters, Failed, Policies, Policy, Stage, dead_letter};
use crate::processor::{Headers, ProcessError};
use crate::task::{Failure, SinkError};
use crate::topology::{TopicName, Topology};

/// Decides on records that a topic did not take. Their batch says nothing any more of the records they were made of.
pub(crate) struct Refusals {
    topology: Topology,
    policies: Policies,
    counters: ErrorCounters,
}

/// A dead letter to be sent.
pub(crate) struct Letter {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) timestamp: i64,
    pub(crate) headers: Headers,
}

impl Refusals {
    pub(crate) fn new(topology: Topology, policies: Policies, counters: ErrorCounters) -> Self {
        Self { topology, policies, counters }
    }

    /// Whether there is anything but failing to be said.
    pub(crate) fn are_asked(&self) -> bool {
        !self.policies.is_empty() || self.topology.graph().has_policies()
    }

    /// The dead-letter topic.
    pub(crate) fn dead_letters(&self) -> Option<TopicName> {
        self.policies.dead_letters.clone().map(TopicName::External)
    }

    /// Asks about each record of a batch that was for `topic`; returns the dead letters that they become.
    pub(crate) fn settle(&self, topic: &TopicName, rejected: &Rejected) -> Result<Vec<Letter>, LinkError> {
        let stopped = || failed(&format!("sending to {}", rejected.topic), rejected.error.clone());
        let (node, policy) = self.sink(topic);
        let policy = policy.or_else(|| self.policies.of(Stage::Produce));
        let Some(policy) = policy.filter(|_| !self.is_beyond_policies(topic, rejected)) else {
            self.counters.count(None, node, Stage::Produce, Action::Fail);
            return Err(stopped());
        };
        let source = Box::new(rejected.error.clone());
        let failure = ProcessError::from(SinkError { topic: rejected.topic.to_string(), source }).into();
        let mut letters = Vec::new();
        rejected
            .records(|record| self.ask(&record, node, policy, &failure, &mut letters))
            .map_err(|Stop| stopped())?;
        Ok(letters)
    }

    fn ask(
        &self,
        record: &Record<'_>,
        node: &str,
        policy: &Policy,
        failure: &Failure,
        letters: &mut Vec<Letter>,
    ) -> Result<(), Stop> {
        let raw = raw(record);
        let bytes = Bytes {
            key: raw.key,
            value: raw.value,
            timestamp: raw.timestamp,
            headers: &raw.headers,
            source: None,
        };
        let has_dead_letters = self.policies.dead_letters.is_some();
        let failed = Failed {
            stage: Stage::Produce,
            task: None,
            node,
            place: None,
            record: bytes,
            attempt: 1,
            has_dead_letters,
            failure,
        };
        let action = match policy(&failed) {
            Action::DeadLetter if has_dead_letters => Action::DeadLetter,
            Action::Skip => Action::Skip,
            // The producer has tried for as long as `delivery.timeout.ms` lets it.
            Action::Retry | Action::DeadLetter | Action::Fail => Action::Fail,
        };
        self.counters.count(None, node, Stage::Produce, action);
        if action == Action::Fail {
            return Err(Stop);
        }
        tracing::warn!(node, ?action, %failure, "a record was refused");
        if action == Action::DeadLetter {
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let (key, value, headers) = (owned(raw.key), owned(raw.value), dead_letter::headers(&failed));
            letters.push(Letter { key, value, timestamp: raw.timestamp, headers });
        }
        Ok(())
    }

    /// A changelog that lacks an update would differ from its store; a dead letter cannot become another one; and a producer
    /// that has lost its place, or is being closed, is not this record's fault.
    fn is_beyond_policies(&self, topic: &TopicName, rejected: &Rejected) -> bool {
        let mut stores = self.topology.subtopologies().iter().flat_map(|part| &part.stores);
        stores.any(|store| store.changelog.as_ref() == Some(topic) && !store.changelog_is_source)
            || self.dead_letters().as_ref() == Some(topic)
            || rejected.error.is_fenced()
            || matches!(rejected.error, millstream_client::Error::Closed)
    }

    /// The name of the sink that writes a topic, and its policy if it has one; of several the first that has.
    fn sink<'a>(&'a self, topic: &'a TopicName) -> (&'a str, Option<&'a Policy>) {
        let mut sinks = self.topology.graph().sinks_of(topic).peekable();
        let first = sinks.peek().map_or(topic.as_str(), |sink| &sink.name);
        let with_policy = sinks.find(|sink| sink.on_error.is_some());
        with_policy.map_or((first, None), |sink| (&sink.name, sink.on_error.as_ref()))
    }
}

/// A policy said fail, or the batch cannot be read back.
struct Stop;

impl From<millstream_wire::batch::BatchError> for Stop {
    fn from(_: millstream_wire::batch::BatchError) -> Self {
        Self
    }
}
