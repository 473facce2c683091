//! Deciding what becomes of a failure, in the middle of a task's work.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::counters::ErrorCounters;
use super::dead_letter;
use super::failed::Bytes;
use super::policies::{Policies, Policy};
use super::{Action, Failed, Origin, Stage};
use crate::outlet::Refused;
use crate::processor::{Context, ContextState, Downstream, ProcessError, Record};
use crate::task::Failure;
use crate::topology::{NodeId, NodeKind, TopicName, Topology};

/// What a task knows of failures.
pub(crate) struct TaskErrors {
    topology: Topology,
    policies: Policies,
    counters: ErrorCounters,
    /// Whether any policy may say something else than [`Action::Fail`]. While none may, nothing is done for the sake of going
    /// on after a failure.
    lenient: bool,
    /// How often the present record has been tried, this time included.
    pub(crate) attempt: u32,
}

/// A failure that has been decided on: nobody above the node need ask again.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub(crate) struct Settled {
    pub(crate) node: NodeId,
    pub(crate) failure: Failure,
    /// Whether the record is to be tried again, else the task stops.
    pub(crate) retry: bool,
}

impl TaskErrors {
    pub(crate) fn new(topology: Topology, policies: Policies, counters: ErrorCounters) -> Self {
        let lenient = !policies.is_empty() || topology.graph().has_policies();
        Self { topology, policies, counters, lenient, attempt: 1 }
    }

    /// Whether what fails may be gone on after.
    #[inline]
    pub(crate) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// The pause (ms) before the present record is tried again.
    pub(crate) fn pause_ms(&self) -> i64 {
        self.policies.retries.pause_ms(self.attempt)
    }

    /// A topic's name in the cluster, where that is known.
    pub(crate) fn shown(&self, topic: &TopicName) -> String {
        self.policies.shown(topic)
    }

    /// Whose records these are; empty where nobody has said.
    pub(crate) fn application_id(&self) -> Arc<str> {
        Arc::clone(&self.policies.application_id)
    }

    fn node(&self, node: NodeId) -> (&str, Stage, Option<&Policy>) {
        let at = self.topology.graph().node(node);
        let stage = match at.kind {
            NodeKind::Source { .. } => Stage::Decode,
            NodeKind::Processor { .. } => Stage::Process,
            NodeKind::Sink { .. } | NodeKind::DynamicSink { .. } | NodeKind::Outlet { .. } => Stage::Produce,
        };
        (&at.name, stage, at.on_error.as_ref().or_else(|| self.policies.of(stage)))
    }
}

impl ContextState {
    /// Counts a failure that nobody was asked about.
    pub(crate) fn count_failure(&self) {
        let (node, stage, _) = self.errors.node(self.node);
        self.errors.counters.count(Some(self.task), node, stage, Action::Fail);
    }
}

impl Context<'_> {
    /// Whether what fails may be gone on after, so that it must leave nothing half-done.
    #[inline]
    pub(crate) fn is_lenient(&self) -> bool {
        self.state.errors.is_lenient()
    }

    /// The input and the offset of the record that is being processed, if any policy could ask.
    #[inline]
    pub(crate) fn source(&self) -> Option<(u16, i64)> {
        let input = self.state.input.filter(|_| self.state.errors.lenient)?;
        Some((u16::try_from(input).ok()?, self.state.offset))
    }

    /// Passes a record to the nodes below, for a node that has more to do after it: should it fail there, and its policy let
    /// the task go on, that is the end of this record alone.
    #[inline]
    pub(crate) fn pass<K, V>(
        &mut self,
        below: &dyn Downstream<K, V>,
        record: Record<K, V>,
    ) -> Result<(), ProcessError> {
        if self.state.errors.lenient { self.pass_guarded(below, record) } else { below.process(record, self) }
    }

    /// Out of line, so that a record is moved no more often for its sake.
    #[inline(never)]
    fn pass_guarded<K, V>(
        &mut self,
        below: &dyn Downstream<K, V>,
        record: Record<K, V>,
    ) -> Result<(), ProcessError> {
        let time = record.timestamp;
        let outcome = guard(|| Ok(below.process(record, self)?));
        outcome.or_else(|failure| self.settle(failure, Some(time)))
    }

    /// Asks the policy of the node that failed, and does what it says: `Ok`, the task goes on. `time` (ms) is what the record had
    /// there, if that is another than it was read with.
    #[cold]
    pub(crate) fn settle(&mut self, failure: Failure, time: Option<i64>) -> Result<(), ProcessError> {
        let failure = match failure {
            Failure::Process(error) if error.is_settled() => return Err(error),
            other => other,
        };
        let node = self.state.node;
        let stage = self.state.errors.node(node).1;
        let decided =
            if is_beyond_policies(&failure, stage) { Ok(Action::Fail) } else { self.decide(&failure, time) };
        let (action, failure) = match decided {
            Ok(action @ (Action::DeadLetter | Action::DeadLetterTo(_))) => {
                match self.bury(&failure, time, action) {
                    Ok(()) => (action, failure),
                    Err(error) => (Action::Fail, error.into()),
                }
            }
            Ok(action) => (action, failure),
            Err(panicked) => (Action::Fail, panicked),
        };
        let errors = &self.state.errors;
        let name = errors.node(node).0;
        errors.counters.count(Some(self.state.task), name, stage, action);
        match action {
            Action::Skip | Action::DeadLetter | Action::DeadLetterTo(_) => {
                tracing::warn!(task = %self.state.task, node = name, ?action, %failure, "a record failed");
                self.state.dropped += 1;
                Ok(())
            }
            Action::Retry => Err(Settled { node, failure, retry: true }.into()),
            Action::Fail => Err(Settled { node, failure, retry: false }.into()),
        }
    }

    /// Has decided what becomes of a record that an outlet has refused, long after it was processed.
    pub(crate) fn refuse(&mut self, refused: &Refused) -> Result<(), ProcessError> {
        let origin = Origin::Refused(refused);
        let mut cx = Context { sink: &mut *self.sink, state: &mut *self.state, origin };
        cx.settle(ProcessError::new(refused.why.clone()).into(), None)
    }

    /// What the policy says, if it does not itself panic.
    fn decide(&mut self, failure: &Failure, time: Option<i64>) -> Result<Action, Failure> {
        let can_retry = matches!(self.origin, Origin::Record(_));
        let errors = &self.state.errors;
        let Some(policy) = errors.node(self.state.node).2 else { return Ok(Action::Fail) };
        let mut action = Action::Fail;
        guard(|| {
            self.with_failed(failure, time, &mut |failed| action = policy(failed));
            Ok(())
        })
        .map_err(|panicked| {
            Failure::Process(ProcessError::new(format!(
                "{failure}; then the error policy failed: {panicked}"
            )))
        })?;
        Ok(match action {
            // What did not just come from its source has nowhere to be tried again from.
            Action::Retry if !can_retry || !errors.policies.retries.allow(errors.attempt) => Action::Fail,
            Action::DeadLetter | Action::DeadLetterTo(_) if errors.policies.without_topics => Action::Skip,
            said => said,
        })
    }

    /// Sends the record to the dead-letter topic.
    fn bury(&mut self, failure: &Failure, time: Option<i64>, action: Action) -> Result<(), ProcessError> {
        let Some(topic) = self.state.errors.policies.dead_letters_of(action) else {
            return Err(ProcessError::new(format!("{failure}; {NO_TOPIC}")));
        };
        let letters = self.sink.topic(&topic);
        let mut letter = None;
        self.with_failed(failure, time, &mut |failed| {
            let Bytes { key, value, timestamp, .. } = failed.record;
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            letter = Some((owned(key), owned(value), timestamp.max(0), dead_letter::headers(failed)));
        });
        let Some((key, value, timestamp, headers)) = letter else {
            return Err(ProcessError::new(format!(
                "{failure}; of what it should become a dead letter, nothing is left"
            )));
        };
        let sent = self.sink.send(letters, None, timestamp, key.as_deref(), value.as_deref(), &headers);
        sent.map_err(|error| {
            ProcessError::new(format!("{failure}; its dead letter could not be sent either: {error}"))
        })
    }

    fn with_failed(&self, failure: &Failure, time: Option<i64>, with: &mut dyn FnMut(&Failed<'_>)) {
        let state = &*self.state;
        let (node, stage, _) = state.errors.node(state.node);
        let (task, attempt) = (state.task, state.errors.attempt);
        let has_dead_letters = state.errors.policies.dead_letters.is_some();
        self.origin.lend(&mut |mut record| {
            record.timestamp = time.unwrap_or(record.timestamp);
            let source = record.source.map(|(input, offset)| (usize::from(input), offset));
            let source = source.or_else(|| Some((state.input?, state.offset)));
            let topic = source.and_then(|(input, offset)| Some((state.topics.get(input)?, offset)));
            let topic = topic.map(|(topic, offset)| (state.errors.policies.shown(topic), offset));
            let place = topic.as_ref().map(|(topic, offset)| (topic.as_str(), task.partition, *offset));
            let task = Some(task);
            with(&Failed { stage, task, node, place, record, attempt, has_dead_letters, failure });
        });
    }
}

const NO_TOPIC: &str = "it should go to the dead-letter topic, but none is named: \
     `.dead_letters(\"TOPIC\")`, or errors.dead.letter.queue.topic.name";

/// Whether nobody is asked: a store that fails may have lost more than this record, and a changelog that does not take an
/// update would differ from its store.
fn is_beyond_policies(failure: &Failure, stage: Stage) -> bool {
    match failure {
        Failure::Process(error) => error.is_of_store() || (error.is_of_sink() && stage != Stage::Produce),
        Failure::Panic(_) => false,
        Failure::Store(_) | Failure::Batch(_) => true,
    }
}

/// Turns a panic of a closure into a failure.
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(Failure::Panic(text.unwrap_or_else(|| "no message".to_owned())))
    })
}
