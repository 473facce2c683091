//! The cluster as one stream thread reaches it: a consumer that is a member of the group, one that reads changelogs, and the
//! narrow producer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use millstream_client::{
    Admin, Assignor, ConfigResource, Consumer, ConsumerConfig, ErrorCode, Event as ClientEvent, Offset,
    OffsetAndMetadata, OffsetReset, Producer, Revoked,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

use super::assignment::{News, ThreadPlace};
use super::clock::Clock;
use super::cluster::{admin, failed};
use super::config::{Recipient, StreamsConfig};
use super::link::{
    Answer, ChangelogBounds, Committed, Event, FetchedRange, GroupOffset, Known, Link, LinkError,
    TopicPartition,
};
use super::mailbox::Mail;
use super::offset_metadata::OffsetMetadata;
use super::refusals::Refusals;
use super::sink::Sink;
use crate::processor::Headers;
use crate::store::backend::{Checkpoint, Position};
use crate::task::{RecordSink, SinkError, TaskId, TopicHandle};
use crate::topology::{TopicName, Topology};

/// What a broker is asked for the beginning of a log, and for its end (ListOffsets).
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// Longer than any wait; a thread ends its waits itself.
const FOREVER: Duration = Duration::from_secs(3_600);

/// What a changelog keeps tombstones for unless it says otherwise (`delete.retention.ms`).
const DEFAULT_DELETE_RETENTION_MS: i64 = 86_400_000;

pub(super) struct ClusterLink {
    network: Handle,
    sink: Sink,
    consumer: Consumer,
    /// Reads changelogs, outside of the group.
    restorer: Consumer,
    admin: Admin,
    /// What the group says of this process and thread.
    place: ThreadPlace,
    /// For the time that positions are tied at.
    clock: Clock,
    application_id: Arc<str>,
    /// Told when an answer about changelogs has come: it ends a wait.
    answered: Arc<Notify>,
    /// The ids of the changelogs whose bounds were asked for.
    changelog_ids: HashMap<Arc<str>, Uuid>,
    /// Partitions that the group is waiting for; dropping it lets the rebalance go on.
    revoked: Option<Revoked>,
    /// What the last assignment says of standbys, until the thread has heard it.
    standbys: Option<BTreeSet<TaskId>>,
    /// When to ask for a rebalance, because tasks wait for their state elsewhere.
    probe_at: Option<Instant>,
    /// What ended the last wait.
    waiting: Option<Event>,
    /// What a wait found out too late to return it.
    failure: Option<LinkError>,
}

impl ClusterLink {
    pub(super) fn connect(
        thread: usize,
        config: &StreamsConfig,
        topology: &Topology,
        assignor: impl Assignor + 'static,
        place: ThreadPlace,
        refusals: Refusals,
        network: &Handle,
    ) -> Result<Self, LinkError> {
        let application_id: Arc<str> = config.application_id.as_str().into();
        let process = place.known_hosts.process;
        let client_id = format!("{application_id}-{process}-StreamThread-{}", thread + 1);
        let member = Consumer::builder()
            .client_id(format!("{client_id}-consumer"))
            .group_id(&*application_id)
            // A process that was killed takes its place back at once (KIP-345).
            .group_instance_id(format!("{process}-{}", thread + 1))
            .auto_commit(false)
            .auto_offset_reset(OffsetReset::Earliest)
            .auto_offset_reset_of(resets(topology, &application_id))
            .assignors([Arc::new(assignor) as Arc<dyn Assignor>]);
        let restorer = Consumer::builder()
            .client_id(format!("{client_id}-restore-consumer"))
            .auto_offset_reset(OffsetReset::Earliest);
        let connecting = |error| failed("connecting to the cluster", error);
        let producer = producer(config, &client_id)?;
        let (consumer, restorer, producer, admin) = network.block_on(async {
            let consumer =
                configured(member, config, Recipient::MainConsumer)?.build().await.map_err(connecting)?;
            let restorer = configured(restorer, config, Recipient::RestoreConsumer)?
                .build()
                .await
                .map_err(connecting)?;
            let producer = producer.build().await.map_err(connecting)?;
            let admin = admin(config)?.build().await.map_err(connecting)?;
            Ok((consumer, restorer, producer, admin))
        })?;
        place.ends.ask_through(admin.clone(), &application_id);
        subscribe(&consumer, topology, &application_id)
            .map_err(|error| failed("subscribing to the sources", error))?;
        let sink = Sink::new(producer.batches(), Arc::clone(&application_id), refusals);
        Ok(Self {
            network: network.clone(),
            sink,
            consumer,
            restorer,
            admin,
            place,
            clock: Clock::start(),
            application_id,
            answered: Arc::default(),
            changelog_ids: HashMap::new(),
            revoked: None,
            standbys: None,
            probe_at: None,
            waiting: None,
            failure: None,
        })
    }

    /// What has happened; `None`: nothing that was not told yet.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, LinkError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Some(event) = self.waiting.take() {
            return Ok(Some(event));
        }
        if let Some(standbys) = self.standbys.take() {
            return Ok(Some(Event::StandBy(standbys)));
        }
        if let Some(event) = self.consumer.poll_blocking(Duration::ZERO).map_err(fetching)? {
            return Ok(self.of_group(event));
        }
        let restored = self.restorer.poll_blocking(Duration::ZERO).map_err(restoring)?;
        Ok(restored.and_then(of_changelog))
    }

    /// The last event has been dealt with.
    pub(super) fn handled(&mut self) {
        self.revoked = None;
    }

    /// Waits for an event, a message or the time; returns the message.
    pub(super) fn wait(&mut self, inbox: &mut mpsc::Receiver<Mail>, until: Instant) -> Option<Mail> {
        enum Woken {
            Group(millstream_client::Result<Option<ClientEvent>>),
            Changelog(millstream_client::Result<Option<ClientEvent>>),
            Mail(Option<Mail>),
            Time,
        }
        let Self { network, consumer, restorer, answered, .. } = self;
        let woken = network.block_on(async {
            tokio::select! {
                biased;
                mail = inbox.recv() => Woken::Mail(mail),
                event = consumer.poll(FOREVER) => Woken::Group(event),
                event = restorer.poll(FOREVER) => Woken::Changelog(event),
                () = answered.notified() => Woken::Time,
                () = tokio::time::sleep_until(until.into()) => Woken::Time,
            }
        });
        match woken {
            Woken::Mail(Some(mail)) => return Some(mail),
            // The application is gone, and with it whoever could want us to go on.
            Woken::Mail(None) => return Some(Mail::Stop { leave_group: true }),
            Woken::Group(Ok(event)) => self.waiting = event.and_then(|event| self.of_group(event)),
            Woken::Changelog(Ok(event)) => self.waiting = event.and_then(of_changelog),
            Woken::Group(Err(error)) => self.failure = Some(fetching(error)),
            Woken::Changelog(Err(error)) => self.failure = Some(restoring(error)),
            Woken::Time => {}
        }
        None
    }

    /// Sends batches that are older than `linger.ms`; returns when the next will be. What was refused meanwhile is decided on.
    pub(super) fn seal_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.sink.seal_due(now);
        if let Err(error) = self.sink.bury_refused() {
            self.failure.get_or_insert(error);
        }
        due
    }

    /// Joins the group once more, so that it hears what there is to say.
    pub(super) fn rejoin(&self) {
        if let Err(error) = self.consumer.enforce_rebalance() {
            tracing::warn!(%error, "the group is told at the next rebalance");
        }
    }

    /// Gives up what is not done. Waits, at most for so long, until what was sent is written: nothing of it comes after what the
    /// next owner of the tasks writes, who finds their changelogs as they will be.
    pub(super) fn abandon(mut self, limit: Duration, leave_group: bool) {
        let Self { network, sink, .. } = &mut self;
        if network.block_on(async { tokio::time::timeout(limit, sink.settle()).await }).is_err() {
            tracing::warn!(
                ?limit,
                "what a thread had sent before it failed may be written after its tasks have moved"
            );
        }
        if leave_group {
            self.close(true);
        }
    }

    /// Leaves the group, or keeps the place in it for a restart.
    pub(super) fn close(self, leave_group: bool) {
        if let Err(error) = self.consumer.close_blocking(!leave_group) {
            tracing::warn!(%error, "leaving the group failed; it notices by itself");
        }
    }

    /// Has the group assign anew if it tells everybody to ask this process where it was before a restart.
    fn correct_place(&self) {
        if self.place.known_hosts.is_misplaced() {
            tracing::info!(
                endpoint = self.place.known_hosts.endpoint,
                "telling the group where queries are answered now"
            );
            if let Err(error) = self.consumer.enforce_rebalance() {
                tracing::warn!(%error, "the group asks for queries in the wrong place until it rebalances");
            }
        }
    }

    /// What came with an assignment beside its partitions.
    fn hear_news(&mut self) {
        let Some(News { standbys, probe_after_ms }) = self.place.here.take_news() else { return };
        self.standbys = Some(standbys);
        let after = (probe_after_ms > 0).then(|| Duration::from_millis(probe_after_ms));
        self.probe_at = after.and_then(|after| Instant::now().checked_add(after));
    }

    /// Asks for a rebalance if one is due; returns when one will be.
    pub(super) fn probe_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.probe_at.take_if(|at| *at <= now).is_some();
        if due && let Err(error) = self.consumer.enforce_rebalance() {
            tracing::warn!(%error, "tasks wait for the next rebalance to move to where their state is by now");
        }
        self.probe_at
    }

    fn of_group(&mut self, event: ClientEvent) -> Option<Event> {
        Some(match event {
            ClientEvent::Fetched(fetched) => Event::Fetched(range(fetched)),
            ClientEvent::Assigned(partitions) => {
                self.correct_place();
                self.hear_news();
                Event::Assigned(partitions)
            }
            ClientEvent::Lost(partitions) => Event::Lost(partitions),
            ClientEvent::Revoked(revoked) => {
                let partitions = revoked.partitions.clone();
                self.revoked = Some(revoked);
                Event::Revoked(partitions)
            }
            _ => return None,
        })
    }
}

/// By names alone where there are no patterns: then nobody need know of all topics.
fn subscribe(
    consumer: &Consumer,
    topology: &Topology,
    application_id: &str,
) -> millstream_client::Result<()> {
    let sources = topology.subtopologies().iter().flat_map(|part| &part.sources);
    let sources: Vec<TopicName> = sources.cloned().collect();
    if sources.iter().any(|source| matches!(source, TopicName::Matching(_))) {
        let application_id = application_id.to_owned();
        let read = move |topic: &str| sources.iter().any(|source| source.covers(topic, &application_id));
        return consumer.subscribe_matching(read);
    }
    consumer.subscribe(sources.iter().map(|source| source.resolve(application_id)))
}

/// What the program says of its sources.
fn resets(topology: &Topology, application_id: &str) -> impl Fn(&str) -> Option<OffsetReset> + use<> {
    let sources = topology.subtopologies().iter().flat_map(|part| &part.sources);
    let resets: Vec<(TopicName, OffsetReset)> =
        sources.filter_map(|topic| Some((topic.clone(), topology.offset_reset(topic)?))).collect();
    let application_id = application_id.to_owned();
    move |topic| {
        let said = resets.iter().find(|(source, _)| source.covers(topic, &application_id));
        said.map(|(_, reset)| *reset)
    }
}

fn of_changelog(event: ClientEvent) -> Option<Event> {
    match event {
        ClientEvent::Fetched(fetched) => Some(Event::Restored(range(fetched))),
        _ => None,
    }
}

pub(super) fn range(fetched: millstream_client::Fetched) -> FetchedRange {
    FetchedRange { source: fetched.partition, offset: fetched.offset, bytes: fetched.bytes }
}

pub(super) fn configured(
    mut builder: ConsumerConfig,
    config: &StreamsConfig,
    recipient: Recipient,
) -> Result<ConsumerConfig, LinkError> {
    builder = builder.bootstrap(&config.bootstrap_servers);
    // Whoever asks for a source that has been deleted shall not create it.
    builder.allow_auto_create_topics = false;
    for (name, value) in config.of(recipient) {
        builder = builder.set(name, value).map_err(|error| failed("configuring a consumer", error.into()))?;
    }
    // A task takes its records one by one out of whole batches, and polls between them.
    Ok(builder.max_poll_records(usize::MAX))
}

/// `linger.ms` is 100 in Kafka Streams: batches are worth more than the time.
fn producer(config: &StreamsConfig, client_id: &str) -> Result<millstream_client::ProducerConfig, LinkError> {
    let mut builder = Producer::builder()
        .bootstrap(&config.bootstrap_servers)
        .client_id(format!("{client_id}-producer"))
        .linger(Duration::from_millis(100));
    for (name, value) in config.of(Recipient::Producer) {
        builder =
            builder.set(name, value).map_err(|error| failed("configuring the producer", error.into()))?;
    }
    Ok(builder)
}

fn fetching(error: millstream_client::Error) -> LinkError {
    failed("reading the sources", error)
}

fn restoring(error: millstream_client::Error) -> LinkError {
    failed("reading a changelog", error)
}

impl RecordSink for ClusterLink {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.sink.topic(name)
    }

    fn partitions(&mut self, topic: TopicHandle) -> i32 {
        self.sink.partitions(topic)
    }

    fn partition_for_key(&mut self, topic: TopicHandle, key: &[u8]) -> Option<i32> {
        self.sink.partition_for_key(topic, key)
    }

    #[inline]
    fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), SinkError> {
        self.sink.send(topic, partition, timestamp, key, value, headers)
    }

    fn position(&mut self, changelog: &TopicName, partition: i32) -> Position {
        let topic = self.sink.topic(changelog);
        let Some(next_offset) = self.sink.acknowledged(topic, partition) else { return Position::Unchanged };
        let name = self.sink.resolved(topic);
        let changelog_id = self.changelog_ids.get(&*name).copied().unwrap_or_default();
        Position::At(Checkpoint { next_offset, written_at: self.clock.now(), changelog_id })
    }
}

impl Link for ClusterLink {
    fn flush(&mut self) -> Result<(), LinkError> {
        self.sink.flush()
    }

    fn rest(&mut self, ms: i64) {
        std::thread::sleep(Duration::from_millis(ms.max(0).unsigned_abs()));
    }

    fn commit(&mut self, offsets: &[(TopicPartition, GroupOffset)]) -> Result<Committed, LinkError> {
        let offsets = offsets.iter().map(|(partition, GroupOffset { offset, metadata })| {
            let metadata = metadata.encode();
            (partition.clone(), OffsetAndMetadata { offset: *offset, leader_epoch: None, metadata })
        });
        match self.consumer.commit_blocking(offsets) {
            Ok(()) => Ok(Committed::Yes),
            Err(error) => match refused(&error) {
                Some(refusal) => {
                    tracing::info!(%error, "the commit is tried again");
                    Ok(refusal)
                }
                None => Err(failed("committing offsets", error)),
            },
        }
    }

    fn pause(&mut self, partition: &TopicPartition, paused: bool) {
        let partition = std::slice::from_ref(partition);
        if paused { self.consumer.pause(partition) } else { self.consumer.resume(partition) }
    }

    fn lag(&self, topic: &str, partition: i32) -> Option<i64> {
        let partition = TopicPartition { topic: topic.into(), partition };
        let (end, position) =
            (self.consumer.high_watermark(&partition)?, self.consumer.position(&partition)?);
        Some((end.0 - position.0).max(0))
    }

    fn ask(&mut self, changelogs: Vec<TopicPartition>, inputs: Vec<TopicPartition>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let (admin, group, answered) =
            (self.admin.clone(), Arc::clone(&self.application_id), Arc::clone(&self.answered));
        self.network.spawn(async move {
            // Nobody listens any more when the task has moved away.
            let _ = reply.send(known(&admin, &group, &changelogs, &inputs).await);
            answered.notify_one();
        });
        answer
    }

    fn changelog_is(&mut self, changelog: &TopicPartition, topic_id: Uuid) {
        self.changelog_ids.insert(Arc::clone(&changelog.topic), topic_id);
    }

    fn restore(&mut self, changelog: &TopicPartition, from: i64) {
        self.restorer.assign_at(changelog.clone(), Offset(from));
    }

    fn hold(&mut self, changelog: &TopicPartition, held: bool) {
        let changelog = std::slice::from_ref(changelog);
        if held { self.restorer.pause(changelog) } else { self.restorer.resume(changelog) }
    }

    fn changelog_end(&self, changelog: &TopicPartition) -> Option<(i64, i64)> {
        let (end, heard) = (self.restorer.high_watermark(changelog)?, self.restorer.heard(changelog)?);
        Some((end.0, i64::try_from(heard.elapsed().as_millis()).unwrap_or(i64::MAX)))
    }

    fn restored(&mut self, changelog: &TopicPartition) {
        self.restorer.unassign(std::slice::from_ref(changelog));
    }

    fn purge(&mut self, before: Vec<(TopicPartition, i64)>) {
        let admin = self.admin.clone();
        self.network.spawn(async move {
            match admin.delete_records(before).await {
                Err(error) => tracing::warn!(%error, "purging repartition topics failed; it is tried again"),
                Ok(purged) => {
                    for (partition, error) in
                        purged.into_iter().filter_map(|(p, result)| Some((p, result.err()?)))
                    {
                        tracing::warn!(%partition, %error, "purging failed; it is tried again");
                    }
                }
            }
        });
    }
}

/// What a refused commit means: it will be right once the group has settled, or the partitions are lost, which the group says as
/// well. `None`: something else is wrong.
fn refused(error: &millstream_client::Error) -> Option<Committed> {
    match error.code()? {
        ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => Some(Committed::Fenced),
        ErrorCode::RebalanceInProgress => Some(Committed::Later),
        _ => None,
    }
}

async fn known(
    admin: &Admin,
    group: &str,
    changelogs: &[TopicPartition],
    inputs: &[TopicPartition],
) -> Result<Known, LinkError> {
    let bounds =
        if changelogs.is_empty() { Vec::new() } else { changelog_bounds_of(admin, changelogs).await? };
    let committed = admin.group_offsets_of(group, inputs.iter().cloned()).await;
    let committed = committed.map_err(|error| failed("asking what the group has committed", error))?;
    let committed = committed.into_iter().map(|(partition, OffsetAndMetadata { offset, metadata, .. })| {
        (partition, GroupOffset { offset, metadata: OffsetMetadata::decode(&metadata) })
    });
    Ok(Known { bounds, committed: committed.collect() })
}

/// Where partitions begin and end, and what topic they are of.
pub(super) async fn changelog_bounds_of(
    admin: &Admin,
    partitions: &[TopicPartition],
) -> Result<Vec<ChangelogBounds>, LinkError> {
    let asking = |error| failed("asking where the changelogs begin and end", error);
    let starts = ends(admin, partitions, EARLIEST).await.map_err(asking)?;
    let ends = ends(admin, partitions, LATEST).await.map_err(asking)?;
    let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
    let mut ids: HashMap<String, Uuid> = HashMap::new();
    for (topic, described) in admin.describe_topics(topics).await.map_err(asking)? {
        ids.insert(topic, described.map_err(asking)?.id);
    }
    let mut bounds = Vec::new();
    for ((partition, start), end) in partitions.iter().zip(starts).zip(ends) {
        let delete_retention_ms = delete_retention(admin, &partition.topic).await;
        let topic_id = ids.get(&*partition.topic).copied().unwrap_or_default();
        bounds.push(ChangelogBounds { start, end, delete_retention_ms, topic_id });
    }
    Ok(bounds)
}

/// One end of each partition, in their order.
async fn ends(
    admin: &Admin,
    partitions: &[TopicPartition],
    which: i64,
) -> millstream_client::Result<Vec<i64>> {
    let asked = partitions.iter().map(|partition| (partition.clone(), which));
    let found = admin.list_offsets(asked).await?;
    Ok(partitions
        .iter()
        .map(|partition| found.get(partition).copied().flatten().map_or(0, |found| found.offset))
        .collect())
}

async fn delete_retention(admin: &Admin, topic: &str) -> i64 {
    let described = admin.describe_configs([ConfigResource::Topic(topic.to_owned())]).await;
    let entries =
        described.ok().and_then(|mut described| described.pop()).and_then(|(_, entries)| entries.ok());
    let entry = entries.into_iter().flatten().find(|entry| entry.name == "delete.retention.ms");
    let value = entry.and_then(|entry| entry.value).and_then(|value| value.parse().ok());
    value.unwrap_or(DEFAULT_DELETE_RETENTION_MS)
}
