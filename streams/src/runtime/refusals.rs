//! What a broker refuses long after it was sent.

use millstream_client::Rejected;

use super::LinkError;
use super::cluster::failed;
use super::worker::raw;
use crate::errors::{Action, Bytes, ErrorCounters, Failed, Policies, Policy, Stage, dead_letter, guard};
use crate::processor::{Headers, ProcessError};
use crate::task::{Failure, RawRecord, SinkError};
use crate::topology::{TopicName, Topology};

/// How often a record becomes a dead letter. Dead-letter topics that sinks write too may refuse it in turn, and send it to each
/// other for ever.
const MAX_LETTERS: usize = 5;

/// Decides on records that a topic did not take. Their batch says nothing any more of the records they were made of.
pub(crate) struct Refusals {
    topology: Topology,
    policies: Policies,
    counters: ErrorCounters,
}

/// A dead letter to be sent.
pub(crate) struct Letter {
    pub(crate) topic: TopicName,
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

    /// Asks about each record of a batch that was for `topic`; returns the dead letters that they become.
    pub(crate) fn settle(&self, topic: &TopicName, rejected: &Rejected) -> Result<Vec<Letter>, LinkError> {
        let stopped = |node| {
            self.counters.count(None, node, Stage::Produce, Action::Fail);
            failed(&format!("sending to {}", rejected.topic), rejected.error.clone())
        };
        let (node, policy) = self.sink(topic);
        let policy = policy.or_else(|| self.policies.of(Stage::Produce));
        let Some(policy) = policy.filter(|_| !self.is_beyond_policies(topic, rejected)) else {
            return Err(stopped(node));
        };
        let source = Box::new(rejected.error.clone());
        let failure = ProcessError::from(SinkError { topic: rejected.topic.to_string(), source }).into();
        let is_sink = self.topology.graph().sinks_of(topic).next().is_some();
        let mut letters = Vec::new();
        let asked = rejected.records(|record| {
            let raw = raw(&record);
            let letters_before = dead_letter::generation(&raw.headers);
            // What no sink has written: a dead letter cannot become another one.
            if letters_before > 0 && !is_sink || letters_before >= MAX_LETTERS {
                return Err(Stop);
            }
            // Where a sink writes the dead-letter topic too, that has refused this one already.
            let refused_by = (letters_before > 0).then_some(&*rejected.topic);
            letters.extend(self.ask(&raw, refused_by, node, policy, &failure)?);
            Ok(())
        });
        // The policy has said so: nothing is tried again behind its back.
        asked.map_err(|Stop| LinkError { retriable: false, ..stopped(node) })?;
        Ok(letters)
    }

    /// Asks about one record. A dead letter does not go to `refused_by` again.
    fn ask(
        &self,
        raw: &RawRecord<'_>,
        refused_by: Option<&str>,
        node: &str,
        policy: &Policy,
        failure: &Failure,
    ) -> Result<Option<Letter>, Stop> {
        let RawRecord { key, value, timestamp, headers, .. } = raw;
        let (key, value, timestamp) = (*key, *value, *timestamp);
        let has_dead_letters = self.policies.dead_letters.is_some();
        let failed = Failed {
            stage: Stage::Produce,
            task: None,
            node,
            place: None,
            record: Bytes { key, value, timestamp, headers, source: None },
            attempt: 1,
            has_dead_letters,
            failure,
        };
        let mut action = Action::Fail;
        let asked = guard(|| {
            action = policy(&failed);
            Ok(())
        });
        match action {
            // The producer has tried for as long as `delivery.timeout.ms` lets it.
            Action::Fail | Action::Retry => return Err(Stop),
            Action::DeadLetter if !has_dead_letters => return Err(Stop),
            _ if asked.is_err() => return Err(Stop),
            _ => {}
        }
        let letters = self.policies.dead_letters_of(action);
        if letters.as_ref().is_some_and(|letters| Some(&*letters.to_string()) == refused_by) {
            return Err(Stop);
        }
        self.counters.count(None, node, Stage::Produce, action);
        tracing::warn!(node, ?action, %failure, "a record was refused");
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Ok(letters.map(|topic| Letter {
            topic,
            key: owned(key),
            value: owned(value),
            timestamp,
            headers: dead_letter::headers(&failed),
        }))
    }

    /// A changelog that lacks an update would differ from its store; and that a producer has lost its place, or is being closed,
    /// is not this record's fault.
    fn is_beyond_policies(&self, topic: &TopicName, rejected: &Rejected) -> bool {
        let mut stores = self.topology.subtopologies().iter().flat_map(|part| &part.stores);
        stores.any(|store| store.changelog.as_ref() == Some(topic) && !store.changelog_is_source)
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
