//! The task that fetches: one request in flight per broker, the next one sent before the last answer is read.

mod request;
mod resolve;
mod response;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::{HashMap, HashSet};
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use millstream_wire::ids::NodeId;

use self::resolve::{Want, resolve, validate};
use self::session::{Ask, Session};
use super::config::OffsetReset;
use super::desk::{Desk, Missing};
use super::shared::Shared;
use crate::connection::{Link, Node};
use crate::metadata::{Broker, Snapshot};
use crate::offsets::EARLIEST;
use crate::{Error, ErrorCode, Result, TopicPartition};

/// A fetcher with nothing to do looks around this often.
const IDLE: Duration = Duration::from_secs(1);

/// How long a broker may wait for records at first, and at most, while partitions are left out of a request because the
/// program is busy with them: it may want them again long before `fetch.max.wait.ms`, and only one request is in flight.
const HELD_WAIT: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(32);

/// What a request asked for, to make sense of its answer.
type Asked = HashMap<TopicPartition, (Ask, u64)>;

enum Event {
    Answered { node: NodeId, asked: Asked, answer: Result<(FetchResponse, Arc<Snapshot>)> },
    Resolved { wants: Vec<Want>, result: Result<()> },
}

/// One broker to fetch from. Its connection is the fetcher's own: a fetch that waits for records must not hold up
/// other requests.
struct Source {
    node: Arc<Node>,
    session: Session,
    busy: bool,
    failures: u32,
    not_before: Option<Instant>,
    /// Grows within [`HELD_WAIT`] from one empty answer to the next.
    held_wait: Duration,
}

/// See the module.
pub(super) struct Fetcher {
    shared: Arc<Shared>,
    sources: HashMap<NodeId, Source>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    /// Looking offsets up failed: not again before this.
    resolve_after: Option<Instant>,
    resolve_failures: u32,
}

impl Fetcher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let events = FuturesUnordered::new();
        Self { shared, sources: HashMap::new(), events, resolve_after: None, resolve_failures: 0 }
    }

    /// Runs until the consumer is dropped.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut changes = shared.cluster.changes();
        loop {
            let now = Instant::now();
            self.look_up_offsets(now);
            self.fetch(now);
            let wake_at = self.wake_at(now);
            tokio::select! {
                Some(event) = self.events.next(), if !self.events.is_empty() => self.handle(event),
                () = shared.work.notified() => {}
                Ok(()) = changes.changed() => {}
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
        }
    }

    fn wake_at(&self, now: Instant) -> Instant {
        let sources = self.sources.values().filter_map(|source| source.not_before);
        let desk = self.shared.desk();
        let places = desk.places().filter_map(|(_, place)| place.not_before);
        sources.chain(places).chain(self.resolve_after).filter(|at| *at > now).fold(now + IDLE, Instant::min)
    }

    /// Starts the look-up of offsets that are missing, and the validation of positions after a change of leader.
    fn look_up_offsets(&mut self, now: Instant) {
        if self.resolve_after.is_some_and(|at| at > now) {
            return;
        }
        let snapshot = self.shared.cluster.snapshot();
        let mut wants = Vec::new();
        let mut suspects = Vec::new();
        for (partition, place) in self.shared.desk().places_mut() {
            if place.resolving || place.leaving {
                continue;
            }
            let generation = place.generation;
            let want = |missing| Want { partition: partition.clone(), missing, generation };
            match place.fetch_from {
                Err(missing) => wants.push(want(missing)),
                Ok(position) => {
                    let Some(leader) = moved_leader(&snapshot, partition, place) else { continue };
                    suspects.push((want(Missing::Reset), position, place.fetched_epoch, leader));
                }
            }
            place.resolving = true;
        }
        if !wants.is_empty() {
            let shared = Arc::clone(&self.shared);
            let asked = wants.clone();
            self.events.push(async move { resolved(asked, resolve(&shared, wants).await) }.boxed());
        }
        for (want, position, epoch, leader) in suspects {
            let shared = Arc::clone(&self.shared);
            let wants = vec![want.clone()];
            let checked =
                async move { resolved(wants, validate(&shared, want, position, epoch, leader).await) };
            self.events.push(checked.boxed());
        }
    }

    /// Sends a request to every broker that leads something wanted and has none in flight.
    fn fetch(&mut self, now: Instant) {
        let snapshot = self.shared.cluster.snapshot();
        let full = self.shared.config.max_partition_fetch_bytes;
        let held = self.shared.desk().places().any(|(_, place)| place.paused || place.buffered >= full);
        for (id, wanted) in self.wanted(&snapshot, now) {
            let Some(broker) = snapshot.brokers.get(&id) else { continue };
            let source = self.sources.entry(id).or_insert_with(|| Source::new(broker));
            if source.busy || source.not_before.is_some_and(|at| at > now) {
                continue;
            }
            source.busy = true;
            if source.node.address() != broker.address {
                source.node.moved_to(broker.address.clone());
            }
            let asks = wanted.iter().map(|(partition, ask, _)| (partition.clone(), *ask)).collect();
            let asked = wanted.into_iter().map(|(partition, ask, generation)| (partition, (ask, generation)));
            let longest = self.shared.config.fetch_max_wait;
            let wait = if held { source.held_wait.min(longest) } else { longest };
            let request = request::fetch(source.session.next(asks), wait, &self.shared.config);
            let (shared, node) = (Arc::clone(&self.shared), Arc::clone(&source.node));
            let (asked, snapshot) = (asked.collect(), Arc::clone(&snapshot));
            let exchange = async move {
                let answer = exchange(&shared, &node, &request, &snapshot).await.map(|a| (a, snapshot));
                Event::Answered { node: id, asked, answer }
            };
            self.events.push(exchange.boxed());
        }
    }

    /// What can be fetched now, by leader. A partition without a leader has the metadata refreshed.
    fn wanted(&self, snapshot: &Snapshot, now: Instant) -> HashMap<NodeId, Vec<(TopicPartition, Ask, u64)>> {
        let config = &self.shared.config;
        let mut wanted: HashMap<NodeId, Vec<(TopicPartition, Ask, u64)>> = HashMap::new();
        let mut unknown = false;
        let mut desk = self.shared.desk();
        note_topics(&mut desk, snapshot, |topic| config.reset_of(topic));
        for (partition, place) in desk.places() {
            let Ok(offset) = place.fetch_from else { continue };
            if place.resolving
                || !desk.wants(place, config.max_partition_fetch_bytes, config.fetch_max_bytes, now)
            {
                continue;
            }
            let metadata = snapshot.partition(&partition.topic, partition.partition);
            let Some((metadata, leader)) = metadata.and_then(|found| Some((found, found.leader?))) else {
                unknown = true;
                continue;
            };
            let near =
                place.preferred.filter(|(node, until)| *until > now && snapshot.brokers.contains_key(node));
            let source = near.map_or(leader, |(node, _)| node);
            let max_bytes = i32::try_from(config.max_partition_fetch_bytes).unwrap_or(i32::MAX);
            let topic_id = snapshot.topic(&partition.topic).map_or_else(uuid::Uuid::nil, |topic| topic.id);
            let ask = Ask { offset, leader_epoch: metadata.leader_epoch.0, max_bytes, topic_id };
            wanted.entry(source).or_default().push((partition.clone(), ask, place.generation));
        }
        drop(desk);
        if unknown {
            self.shared.cluster.request_refresh();
        }
        wanted
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Resolved { wants, result } => self.looked_up(&wants, result),
            Event::Answered { node, asked, answer } => {
                let answer = self.note_answer(node, answer);
                if let Some((response, snapshot)) = answer {
                    self.take_in(&response, &asked, &snapshot);
                }
            }
        }
    }

    fn looked_up(&mut self, wants: &[Want], result: Result<()>) {
        let failed = result.is_err();
        self.shared.update(|desk| {
            for want in wants {
                if let Some(place) = desk.place_mut(&want.partition) {
                    place.resolving = false;
                }
            }
            match result {
                Err(error) if !error.is_retriable() => desk.fail(error),
                Err(error) => tracing::debug!(%error, "offsets could not be looked up yet"),
                Ok(()) => {}
            }
        });
        self.resolve_failures = if failed { self.resolve_failures + 1 } else { 0 };
        let delay = self.shared.cluster.retry_backoff().delay(self.resolve_failures);
        self.resolve_after = failed.then(|| Instant::now() + delay);
    }

    /// What an answer means for broker and session.
    fn note_answer(
        &mut self,
        node: NodeId,
        answer: Result<(FetchResponse, Arc<Snapshot>)>,
    ) -> Option<(FetchResponse, Arc<Snapshot>)> {
        let source = self.sources.get_mut(&node)?;
        source.busy = false;
        let error = match answer {
            Ok((response, snapshot)) => match ErrorCode::try_from_code(response.error_code) {
                None => {
                    source.session.answered(response.session_id);
                    source.failures = 0;
                    source.not_before = None;
                    source.held_wait = if is_empty(&response) {
                        (source.held_wait * 2).min(*HELD_WAIT.end())
                    } else {
                        *HELD_WAIT.start()
                    };
                    return Some((response, snapshot));
                }
                Some(code) => Error::broker(code, format!("fetching from broker {node}")),
            },
            Err(error) => error,
        };
        let gone = error.code() == Some(ErrorCode::FetchSessionIdNotFound);
        source.session.broken(gone || error.code().is_none());
        let session_only = matches!(
            error.code(),
            Some(ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch)
        );
        if !session_only {
            self.shared.desk().leave_preferred(node);
            tracing::debug!(%error, %node, "fetch failed");
            source.failures += 1;
            let delay = self.shared.cluster.retry_backoff().delay(source.failures);
            source.not_before = Some(Instant::now() + delay);
            self.shared.cluster.request_refresh();
            if !error.is_retriable() {
                self.shared.update(|desk| desk.fail(error));
            }
        }
        None
    }

    fn take_in(&self, response: &FetchResponse, asked: &Asked, snapshot: &Snapshot) {
        let mut stale = false;
        let now = Instant::now();
        {
            // In a session only what has changed is in the answer.
            let mut desk = self.shared.desk();
            for (partition, (_, generation)) in asked {
                let place = desk.place_mut(partition).filter(|place| place.generation == *generation);
                place.into_iter().for_each(|place| place.heard = Some(now));
            }
        }
        for topic in &response.responses {
            let name = match snapshot.names.get(&topic.topic_id) {
                Some(name) => Arc::clone(name),
                None => topic.topic.as_str().into(),
            };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: Arc::clone(&name), partition: data.partition_index };
                let Some((ask, generation)) = asked.get(&partition) else { continue };
                stale |= self.take_in_partition(partition, *ask, *generation, data);
            }
        }
        if stale {
            self.shared.cluster.request_refresh();
        }
    }

    /// True where the metadata is out of date.
    fn take_in_partition(
        &self,
        partition: TopicPartition,
        ask: Ask,
        generation: u64,
        data: &PartitionData,
    ) -> bool {
        if let Some(code) = ErrorCode::try_from_code(data.error_code) {
            return self.refused(&partition, ask, generation, code);
        }
        let fetched =
            response::fetched(partition.clone(), ask, generation, data, self.shared.config.check_crcs);
        self.shared.update(|desk| {
            if let Some(place) = desk.place_mut(&partition) {
                if place.generation == generation {
                    place.topic_id = ask.topic_id;
                }
                place.high_watermark = Some(data.high_watermark);
                place.log_start = Some(data.log_start_offset).filter(|offset| *offset >= 0);
                place.not_before = None;
                if data.preferred_read_replica.0 >= 0 {
                    let until = Instant::now() + self.shared.config.client.metadata_max_age;
                    place.preferred = Some((NodeId(data.preferred_read_replica.0), until));
                }
            }
            match fetched {
                Ok(Some(fetched)) => desk.arrived(fetched),
                Ok(None) => {}
                Err(error) => {
                    hold_back(desk.place_mut(&partition), Duration::from_secs(1));
                    desk.fail(error);
                }
            }
        });
        false
    }

    fn refused(&self, partition: &TopicPartition, ask: Ask, generation: u64, code: ErrorCode) -> bool {
        let backoff = self.shared.cluster.retry_backoff().delay(1);
        let reset = self.shared.config.reset_of(&partition.topic);
        self.shared.update(|desk| {
            let Some(place) = desk.place_mut(partition).filter(|place| place.generation == generation) else { return };
            place.not_before = Some(Instant::now() + backoff);
            place.heard = None;
            // A replica may be behind, or be one no more; only the leader's word counts.
            if place.preferred.take().is_some() {
                tracing::debug!(%partition, ?code, "the preferred replica refused; asking the leader");
            } else if code == ErrorCode::OffsetOutOfRange && reset != OffsetReset::None {
                tracing::info!(%partition, offset = ask.offset, ?reset, "the offset is out of range; resetting");
                place.fetch_from = Err(Missing::Reset);
            } else if code == ErrorCode::OffsetOutOfRange {
                let error = Error::NoOffset {
                    topic: partition.topic.clone(),
                    partition: partition.partition,
                    offset: ask.offset,
                };
                desk.fail(error);
            } else if !code.is_retriable() {
                desk.fail(Error::broker(code, format!("fetching {partition} from offset {}", ask.offset)));
            }
        });
        code.is_retriable()
    }
}

/// Says which topics are gone. One that was made anew under its old name is read from its start: the position was one in
/// the old topic, and all that is in the new one came later.
fn note_topics(desk: &mut Desk, snapshot: &Snapshot, reset_of: impl Fn(&str) -> OffsetReset) {
    let mut anew = Vec::new();
    for (partition, place) in desk.places_mut() {
        let Some(topic) = snapshot.topic(&partition.topic) else { continue };
        let absent = topic.error == Some(ErrorCode::UnknownTopicOrPartition);
        if absent && !place.absent {
            tracing::warn!(%partition, "the topic does not exist any more; waiting for it");
        }
        place.absent = absent;
        if !place.topic_id.is_nil() && !topic.id.is_nil() && place.topic_id != topic.id {
            tracing::warn!(%partition, "the topic was deleted and made anew; its old positions mean nothing");
            anew.push(partition.clone());
        }
    }
    for partition in anew {
        let no_reset = reset_of(&partition.topic) == OffsetReset::None;
        let start = if no_reset { Missing::Reset } else { Missing::Seek(EARLIEST) };
        desk.seek(&partition, Err(start));
    }
}

fn is_empty(response: &FetchResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.all(|data| data.records.as_ref().is_none_or(Bytes::is_empty))
}

fn hold_back(place: Option<&mut super::desk::Place>, by: Duration) {
    if let Some(place) = place {
        place.not_before = Some(Instant::now() + by);
    }
}

fn resolved(wants: Vec<Want>, result: Result<()>) -> Event {
    Event::Resolved { wants, result }
}

/// The leader, where it is of a newer epoch than the position was last checked against.
fn moved_leader(
    snapshot: &Snapshot,
    partition: &TopicPartition,
    place: &mut super::desk::Place,
) -> Option<(NodeId, i32)> {
    let metadata = snapshot.partition(&partition.topic, partition.partition)?;
    let epoch = metadata.leader_epoch.0;
    if place.validated_epoch < 0 || place.fetched_epoch < 0 {
        // Nothing has been read under an older leader.
        place.validated_epoch = epoch;
    }
    (epoch > place.validated_epoch).then_some((metadata.leader?, epoch))
}

impl Source {
    fn new(broker: &Broker) -> Self {
        let node = Arc::new(Node::new(broker.address.clone()));
        Self {
            node,
            session: Session::default(),
            busy: false,
            failures: 0,
            not_before: None,
            held_wait: *HELD_WAIT.start(),
        }
    }
}

/// One request and its answer.
async fn exchange(
    shared: &Shared,
    node: &Node,
    request: &FetchRequest,
    snapshot: &Snapshot,
) -> Result<FetchResponse> {
    let config = &shared.config.client;
    let link: Arc<Link> = node.link(config, shared.cluster.runtime()).await?;
    let named: HashSet<bool> = request.topics.iter().map(|topic| topic.topic_id.is_nil()).collect();
    let cap =
        if named.contains(&true) || snapshot.names.is_empty() { request::NAMED_TOPICS_MAX } else { i16::MAX };
    let version = link.version::<FetchRequest>(cap)?;
    let mut request = request.clone();
    let by_id = version > request::NAMED_TOPICS_MAX;
    if !by_id {
        // By name a topic that was made anew is the one that the broker knows already.
        for gone in &mut request.forgotten_topics_data {
            let of_topic = request.topics.iter().filter(|topic| topic.topic == gone.topic);
            let named: HashSet<i32> =
                of_topic.flat_map(|topic| &topic.partitions).map(|partition| partition.partition).collect();
            gone.partitions.retain(|index| !named.contains(index));
        }
    }
    for topic in &mut request.topics {
        if by_id { topic.topic = Default::default() } else { topic.topic_id = uuid::Uuid::nil() }
    }
    for topic in &mut request.forgotten_topics_data {
        if by_id { topic.topic = Default::default() } else { topic.topic_id = uuid::Uuid::nil() }
    }
    let frame: Bytes = {
        let frame = crate::connection::encode(&request, version, link.client_id())?;
        link.submit(frame, config.request_timeout + shared.config.fetch_max_wait).await?.await?
    };
    link.read::<FetchRequest>(frame, version)
}
