//! The task itself.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::dsl::TimestampExtractor;
use crate::errors::{ErrorCounters, Origin, Policies, Settled, TaskErrors, guard};
use crate::metrics::{NodeMetrics, Recent, TaskMetrics};
use crate::outlet::Drain;
use crate::processing::{Attended, Punctuation};
use crate::processor::{Context, ContextState, ProcessError};
use crate::store::backend::{KeyValueBackend, Position};
use crate::store::cache::CacheBudget;
use crate::store::error::StoreError;
use crate::store::shared::Globals;
use crate::store::typed::TypedStore;
use crate::topology::{NodeId, StoreSpec, TopicName, Topology};

use super::assembly::Assembled;
use super::{
    Assembly, At, Failure, Flush, PunctuationKind, RawRecord, RecordSink, Source, TaskError, TaskId,
    TaskStores, TimeBudget,
};

/// An input of a task: the index of its topic in [`Subtopology::sources`](crate::topology::Subtopology::sources).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InputId(pub usize);

/// What a task is given to stand on.
pub struct TaskEnv<'a> {
    /// The bytes of its stores, restored, in the order of [`Subtopology::stores`](crate::topology::Subtopology::stores).
    pub backends: Vec<Box<dyn KeyValueBackend>>,
    /// Told here of the topics that the task writes to; the same sink is passed to every later call.
    pub sink: &'a mut dyn RecordSink,
    /// The cache of the thread that runs the task.
    pub cache: Rc<CacheBudget>,
}

/// One instance of a sub-topology for one partition of the topics it reads.
///
/// A state machine without input or output of its own: records in, records to the sink, stores behind traits. It belongs to
/// one thread.
pub struct Task {
    id: TaskId,
    pub(super) topology: Topology,
    inputs: Vec<Input>,
    flushes: Vec<(NodeId, Rc<dyn Flush>)>,
    /// In topological order.
    attended: Vec<(NodeId, Rc<dyn Attended>)>,
    /// In topological order.
    pub(super) drains: Vec<(NodeId, Rc<dyn Drain>)>,
    stores: TaskStores,
    cache: Rc<CacheBudget>,
    pub(super) state: ContextState,
    /// The record that is to be tried again.
    retry: Option<Retry>,
}

/// A record that has been put off.
struct Retry {
    input: InputId,
    offset: i64,
    /// How often it has been tried.
    attempt: u32,
    /// When (ms) it is tried again.
    at: i64,
}

struct Input {
    topic: TopicName,
    node: NodeId,
    source: Rc<dyn Source>,
}

impl Task {
    /// Makes the task's nodes. The sub-topology must exist and have as many stores as `env` has backends.
    pub fn new(topology: &Topology, id: TaskId, env: TaskEnv<'_>) -> Self {
        Self::with_globals(topology, id, env, &Globals::default())
    }

    /// The same, for a topology with global tables: `globals` has all of their stores.
    pub fn with_globals(topology: &Topology, id: TaskId, env: TaskEnv<'_>, globals: &Globals) -> Self {
        let part = topology.part(id.subtopology);
        let stores = TaskStores::open(topology, id, env.backends, &env.cache, env.sink);
        let by_id = stores.by_id(&part.store_ids);
        let Assembled { mut sources, flushes, attended, drains } =
            Assembly::new(topology.graph(), env.sink, by_id, globals).assemble(part);
        let mut inputs = Vec::with_capacity(part.sources.len());
        for node in &part.source_nodes {
            let of_node = sources.remove(node).into_iter().flatten();
            inputs.extend(of_node.map(|source| (*node, source)));
        }
        let inputs = part.sources.iter().zip(inputs);
        let inputs =
            inputs.map(|(topic, (node, source))| Input { topic: topic.clone(), node, source }).collect();
        let errors = TaskErrors::new(topology.clone(), Policies::default(), ErrorCounters::default());
        Self {
            id,
            topology: topology.clone(),
            inputs,
            flushes,
            attended,
            drains,
            stores,
            cache: env.cache,
            state: ContextState::new(id, part.sources.clone(), topology.graph().ids().count(), errors),
            retry: None,
        }
    }

    /// Its name.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The largest timestamp seen, in milliseconds; `-1` before the first record.
    pub fn stream_time(&self) -> i64 {
        self.state.stream_time
    }

    /// Records dropped because a key or value was missing, or let go by a policy after they had failed (Kafka's `dropped-records-total`).
    pub fn dropped_records(&self) -> u64 {
        self.state.dropped
    }

    /// What has passed it.
    pub fn metrics(&self) -> TaskMetrics {
        let (part, counts) = (self.topology.part(self.id.subtopology), &self.state.counts);
        let node = |id: &NodeId| NodeMetrics {
            node: self.topology.graph().node(*id).name.clone(),
            records: counts.taken(*id),
        };
        let sources = part.nodes.iter().filter(|id| part.source_nodes.contains(id));
        TaskMetrics {
            task: self.id,
            records: sources.map(|id| counts.taken(*id)).sum(),
            records_per_second: 0.0,
            rate: Recent::default(),
            busy: Duration::ZERO,
            commits: 0,
            stream_time: self.state.stream_time,
            dropped: self.state.dropped,
            shed: self.state.shed,
            lateness: counts.lateness,
            read_latency: counts.until_read,
            sent_latency: counts.until_sent,
            partitions: Vec::new(),
            nodes: part.nodes.iter().map(node).collect(),
            stores: self.stores.metrics(),
            outlets: self.outlet_metrics(),
        }
    }

    /// A turn of the task, or its flush, has ended at `now` (ms): so long were its records on their way.
    pub(crate) fn end_turn(&mut self, now: i64) {
        self.state.counts.end_turn(now);
    }

    /// The input for a topic of this name in the cluster: `input` itself, unless that stands for a pattern; then one of the
    /// topic's own.
    pub fn input_for(&mut self, input: InputId, topic: &str) -> InputId {
        if !matches!(self.inputs[input.0].topic, TopicName::Matching(_)) {
            return input;
        }
        let name = TopicName::External(topic.into());
        if let Some(known) = self.inputs.iter().position(|input| input.topic == name) {
            return InputId(known);
        }
        let Input { node, source, .. } = &self.inputs[input.0];
        let (node, source) = (*node, Rc::clone(source));
        self.inputs.push(Input { topic: name.clone(), node, source });
        self.state.topics.push(name);
        InputId(self.inputs.len() - 1)
    }

    /// Tells where times come from for sources that say nothing of it, `default.timestamp.extractor`.
    pub fn extract_timestamps(&mut self, by_default: TimestampExtractor) {
        self.state.timestamps = by_default;
    }

    /// Tells who decides on what fails, and who counts it; before the first record.
    pub(crate) fn handle_errors(&mut self, policies: Policies, counters: ErrorCounters) {
        self.state.errors = TaskErrors::new(self.topology.clone(), policies, counters);
    }

    /// Tells what the machine's clock says, in milliseconds, for what is processed until it is told again.
    pub fn set_wall_clock(&mut self, now: i64) {
        self.state.wall_clock = now;
    }

    /// Whether a node wants to know how many records wait ([`set_backlog`](Self::set_backlog)).
    pub(crate) fn watches_load(&self) -> bool {
        self.state.watches_load
    }

    /// Tells how many records wait, those included that are processed next.
    pub(crate) fn set_backlog(&mut self, records: u64) {
        self.state.backlog = Some(records);
    }

    /// The largest time (ms) of the records that came by an input; `-1` before the first.
    pub fn partition_time(&self, input: InputId) -> i64 {
        self.inputs[input.0].source.partition_time()
    }

    /// Numbers that its nodes have kept beside the offsets of a commit, by name (Kafka's `ProcessorMetadata`).
    pub fn notes(&self) -> impl Iterator<Item = (&str, i64)> {
        self.state.notes.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Goes on from what was committed of an input: its [`partition_time`](Self::partition_time) and the
    /// [`notes`](Self::notes), of which the largest of all inputs counts. Before [`init`](Self::init).
    pub fn resume<'n>(
        &mut self,
        input: InputId,
        partition_time: i64,
        notes: impl Iterator<Item = (&'n str, i64)>,
    ) {
        self.inputs[input.0].source.resume_at(partition_time);
        self.state.stream_time = self.state.stream_time.max(partition_time);
        let stores = &self.topology.part(self.id.subtopology).stores;
        // Of stores that the topology has no more: kept, they would fill the metadata of a commit one day.
        let known = |name: &str| stores.iter().any(|store| store.name == name);
        for (name, value) in notes.filter(|(name, _)| known(name)) {
            let noted = self.state.notes.entry(name.to_owned()).or_insert(value);
            *noted = value.max(*noted);
        }
    }

    /// Calls the `init` of its processors; before the first record. `budget` is what punctuations may take from then on.
    pub fn init(
        &mut self,
        now: i64,
        budget: Rc<dyn TimeBudget>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), TaskError> {
        self.state.wall_clock = now;
        self.state.budget = budget;
        let Self { attended, state, .. } = self;
        let outcome = guard(|| {
            for (node, processor) in attended.iter() {
                state.node = *node;
                processor.init(&mut Context { sink, state, origin: Origin::Call(now) })?;
            }
            Ok(())
        });
        outcome.map_err(|failure| self.failed(failure, |node| At::Init { node }))
    }

    /// Calls the punctuations that are due at `now` (ms) on the wall clock, and those that have asked for another turn.
    /// Returns whether there were any; what the budget does not allow waits for the next turn.
    pub fn punctuate(&mut self, now: i64, sink: &mut dyn RecordSink) -> Result<bool, TaskError> {
        self.state.wall_clock = now;
        let mut any = false;
        if self.state.schedule.next_on_wall_clock() <= now {
            any |= self.pass(PunctuationKind::WallClock, now, sink)?;
        }
        let stream_time = self.state.stream_time;
        if stream_time >= 0 && self.state.schedule.is_due_on_stream_time(stream_time) {
            any |= self.pass(PunctuationKind::StreamTime, stream_time, sink)?;
        }
        Ok(any)
    }

    /// When (ms) [`punctuate`](Self::punctuate) has something to do; `i64::MAX`: never.
    pub fn next_punctuation(&self) -> i64 {
        let stream_time = self.state.stream_time;
        if stream_time >= 0 && self.state.schedule.is_due_on_stream_time(stream_time) {
            return i64::MIN;
        }
        self.state.schedule.next_on_wall_clock()
    }

    /// Calls every punctuation of a clock that is due once, the earliest first.
    fn pass(
        &mut self,
        kind: PunctuationKind,
        time: i64,
        sink: &mut dyn RecordSink,
    ) -> Result<bool, TaskError> {
        let Self { attended, state, .. } = self;
        state.input = None;
        state.budget.begin();
        let mut any = false;
        let outcome = guard(|| {
            while let Some(due) = state.schedule.take(kind, time) {
                any = true;
                state.node = due.node;
                let at = Punctuation { id: due.id, kind, time };
                let node = attended.iter().find(|(node, _)| *node == due.node);
                if let Some((_, processor)) = node {
                    let mut cx = Context { sink, state, origin: Origin::Call(time) };
                    let outcome = guard(|| Ok(processor.punctuate(at, &mut cx)?));
                    outcome.or_else(|failure| cx.settle(failure, None))?;
                }
                if state.budget.is_spent() {
                    break;
                }
            }
            Ok(())
        });
        state.schedule.end_pass();
        outcome.map_err(|failure| self.failed(failure, |node| At::Punctuation { node }))?;
        Ok(any)
    }

    /// Whether a processor has asked for a commit since this was last asked.
    pub fn take_commit_request(&mut self) -> bool {
        std::mem::take(&mut self.state.commit_requested)
    }

    /// Calls the `close` of its processors; after the last commit.
    pub fn close(&mut self) -> Result<(), TaskError> {
        let Self { attended, state, .. } = self;
        let outcome = guard(|| {
            for (node, processor) in attended.drain(..) {
                state.node = node;
                processor.close();
            }
            Ok(())
        });
        outcome.map_err(|failure| self.failed(failure, |node| At::Close { node }))
    }

    /// When (ms) the record that [`process`](Self::process) has just refused is to be passed once more; `None`: the task has
    /// stopped, or nothing was refused.
    pub fn retry_at(&self) -> Option<i64> {
        self.retry.as_ref().map(|retry| retry.at)
    }

    /// Passes one record through the nodes.
    ///
    /// # Errors
    /// A failure that no policy lets the task go on after, or after which the record is to be tried
    /// [again](Self::retry_at).
    pub fn process(
        &mut self,
        input: InputId,
        record: RawRecord<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), TaskError> {
        let offset = record.offset;
        if let Some(retry) = &self.retry {
            let is_again = (retry.input, retry.offset) == (input, offset);
            self.state.errors.attempt = if is_again { retry.attempt + 1 } else { 1 };
        }
        if self.state.errors.is_lenient() {
            self.state.counts.mark();
        }
        let Input { source, node, .. } = &self.inputs[input.0];
        self.state.node = *node;
        self.state.counts.take(*node);
        self.state.input = Some(input.0);
        self.state.offset = offset;
        self.state.backlog = self.state.backlog.map(|waiting| waiting.saturating_sub(1));
        let mut cx = Context { sink, state: &mut self.state, origin: Origin::Record(&record) };
        let outcome = guard(|| Ok(source.process(&record, &mut cx)?));
        if let Err(failure) = outcome {
            let settled = cx.settle(failure, None);
            settled.map_err(|error| self.at_record(input, offset, error))?;
        }
        if let Some(retry) = &self.retry
            && (retry.input, retry.offset) == (input, offset)
        {
            self.retry = None;
            self.state.errors.attempt = 1;
        }
        if self.state.schedule.is_due_on_stream_time(self.state.stream_time) {
            self.pass(PunctuationKind::StreamTime, self.state.stream_time, sink)?;
        }
        if self.cache.is_exceeded() { self.relieve(sink) } else { Ok(()) }
    }

    /// Writes what the caches hold to the changelogs, stages it for the backends, and tells the nodes below: one pass in
    /// the order of the topology. [`write`](Self::write) makes it stick.
    pub fn flush(&mut self, sink: &mut dyn RecordSink) -> Result<(), TaskError> {
        let Self { flushes, state, .. } = self;
        state.input = None;
        let time = state.stream_time;
        let outcome = guard(|| {
            for (node, flush) in flushes.iter() {
                state.node = *node;
                flush.flush(&mut Context { sink, state, origin: Origin::Call(time) })?;
            }
            Ok(())
        });
        outcome.map_err(|failure| self.failed(failure, |node| At::Flush { node }))
    }

    /// Writes what [`flush`](Self::flush) staged; `position` says for a store how far its changelog is acknowledged.
    pub fn write(&mut self, position: impl FnMut(&StoreSpec) -> Position) -> Result<(), TaskError> {
        self.stores.write(position).map_err(|failure| self.at_store(failure))
    }

    /// The typed store of that name; `None` where there is none or its types differ.
    pub fn store<K: 'static, V: 'static>(&self, name: &str) -> Option<Rc<RefCell<TypedStore<K, V>>>> {
        self.stores.store(name)
    }

    /// Its stores.
    pub(crate) fn stores(&self) -> &TaskStores {
        &self.stores
    }

    /// Ends the task and leaves the bytes of its stores, still open.
    pub(crate) fn into_backends(self) -> Vec<Box<dyn KeyValueBackend>> {
        self.stores.into_backends()
    }

    /// Runs `with` on the bytes of the store of that name, below its cache.
    pub fn with_backend(&mut self, name: &str, with: impl FnMut(&mut dyn KeyValueBackend)) {
        self.stores.with_backend(name, with);
    }

    /// Makes room in the cache by writing it out.
    pub(crate) fn relieve(&mut self, sink: &mut dyn RecordSink) -> Result<(), TaskError> {
        self.flush(sink)?;
        let partition = self.id.partition;
        self.write(|store| match &store.changelog {
            Some(changelog) if !store.changelog_is_source => sink.position(changelog, partition),
            Some(_) | None => Position::Unchanged,
        })?;
        self.stores.evict(self.cache.limit() / 2);
        Ok(())
    }

    fn at_record(&mut self, input: InputId, offset: i64, error: ProcessError) -> TaskError {
        let (topic, partition) = (self.inputs[input.0].topic.to_string(), self.id.partition);
        self.failed(error.into(), |node| At::Record { topic, partition, offset, node })
    }

    /// A failure that stops the task or puts its record off, at the node that decided so, else at the one that the task was at.
    pub(super) fn failed(&mut self, failure: Failure, at: impl FnOnce(String) -> At) -> TaskError {
        let settled = match failure {
            Failure::Process(error) => error.into_settled().map_err(Failure::from),
            other => Err(other),
        };
        let (node, failure) = match settled {
            Ok(Settled { node, failure, retry }) => {
                self.retry = retry.then(|| self.put_off()).flatten();
                if self.retry.is_some() {
                    self.state.counts.take_back();
                }
                (node, failure)
            }
            Err(failure) => {
                self.retry = None;
                self.state.count_failure();
                (self.state.node, failure)
            }
        };
        let node = self.topology.graph().node(node).name.clone();
        TaskError { task: self.id, at: Box::new(at(node)), failure }
    }

    /// Has the present record tried again.
    fn put_off(&self) -> Option<Retry> {
        let input = InputId(self.state.input?);
        let ContextState { offset, wall_clock, errors, .. } = &self.state;
        let at = wall_clock.saturating_add(errors.pause_ms());
        Some(Retry { input, offset: *offset, attempt: errors.attempt, at })
    }

    fn at_store(&self, failure: StoreError) -> TaskError {
        TaskError { task: self.id, at: Box::new(At::Store), failure: failure.into() }
    }
}
