//! The consumer.
//!
//! ```text
//! broker ──► fetcher ──► desk (queue bounded in bytes) ──► poll
//!                          ▲ assigned, revoked
//!            group ────────┘
//! ```

mod config;
mod coordinator;
mod desk;
mod event;
mod fetch;
mod fetched;
mod group;
mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::Stream;
use futures::future::{Either, select};
use hashbrown::HashMap;
use millstream_wire::ids::Offset;
use uuid::Uuid;

pub use self::config::{ConsumerConfig, IsolationLevel, OffsetReset};
pub(crate) use self::coordinator::{Coordinator, Member};
use self::desk::{Item, Missing};
pub use self::event::{Event, Revoked};
use self::fetch::Fetcher;
pub use self::fetched::Fetched;
pub use self::group::{
    Assignment, Assignor, CooperativeSticky, Members, Range, RebalanceProtocol, RoundRobin, Subscription,
    TopicSizes,
};
use self::group::{Group, Topics};
use self::shared::Shared;
use crate::cluster::{Cluster, Outage};
use crate::offsets::{EARLIEST, LATEST, OffsetAndTimestamp, list_offsets};
use crate::partition::OffsetAndMetadata;
use crate::runtime::{Runtime, TaskGuard, park_until};
use crate::{Error, Result, TopicPartition};

/// Reads records, alone or as a member of a group.
///
/// ```no_run
/// # async fn example() -> millstream_client::Result<()> {
/// use std::time::Duration;
/// use millstream_client::{Consumer, Event};
/// let mut consumer = Consumer::builder().bootstrap("localhost:9092").group_id("readers").build().await?;
/// consumer.subscribe(["clicks"])?;
/// while let Some(event) = consumer.poll(Duration::from_secs(30)).await? {
///     match event {
///         Event::Fetched(fetched) => fetched.for_each(|record| Ok(println!("{:?}", record.value)))?,
///         Event::Revoked(_) => consumer.commit().await?,
///         _ => {}
///     }
/// }
/// consumer.close().await
/// # }
/// ```
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    runtime: Runtime,
    group: Option<Group>,
    _fetcher: TaskGuard,
}

impl Consumer {
    /// A configuration to fill in.
    #[must_use]
    pub fn builder() -> ConsumerConfig {
        ConsumerConfig::new()
    }

    pub(crate) fn start(config: ConsumerConfig) -> Result<Self> {
        let runtime = Runtime::current_or_own()?;
        let cluster =
            Cluster::start(config.client.clone(), config.allow_auto_create_topics, runtime.clone())?;
        let shared = Arc::new(Shared::new(config, cluster));
        let fetcher = runtime.spawn(Fetcher::new(Arc::clone(&shared)).run());
        let group = shared.coordinator.is_some().then(|| Group::start(Arc::clone(&shared), &runtime));
        Ok(Self { shared, runtime, group, _fetcher: fetcher })
    }

    /// Takes part in the group, reading these topics. Replaces an earlier subscription. Partitions arrive as
    /// [`Event::Assigned`].
    ///
    /// # Errors
    /// `group.id` is not set.
    pub fn subscribe<T: Into<Arc<str>>>(&self, topics: impl IntoIterator<Item = T>) -> Result<()> {
        self.group()?.subscribe(Topics::Names(topics.into_iter().map(Into::into).collect()))
    }

    /// As [`Self::subscribe`], for every topic whose name `accepts` takes, also those that come later. Internal topics
    /// are left out unless `exclude.internal.topics=false`.
    ///
    /// # Errors
    /// `group.id` is not set.
    pub fn subscribe_matching(&self, accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Result<()> {
        self.group()?.subscribe(Topics::Matching(Arc::new(accepts)))
    }

    /// As [`Self::subscribe_matching`], for every topic whose whole name matches the regular expression, as in
    /// `KafkaConsumer.subscribe(Pattern)`. It takes linear time, so it knows no back-references and no look-around.
    ///
    /// # Errors
    /// It is no regular expression; `group.id` is not set.
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<()> {
        let whole = regex::Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|error| Error::Misuse(format!("{pattern:?} is no pattern of topics: {error}").into()))?;
        self.subscribe_matching(move |topic| whole.is_match(topic))
    }

    /// Commits if that is automatic, leaves the group and reads nothing any more, until the next subscription.
    ///
    /// # Errors
    /// `group.id` is not set.
    pub fn unsubscribe(&self) -> Result<()> {
        self.group()?.unsubscribe()
    }

    /// Asks for a rebalance, as an assignor does that wants to assign anew.
    ///
    /// # Errors
    /// `group.id` is not set.
    pub fn enforce_rebalance(&self) -> Result<()> {
        self.group()?.rejoin()
    }

    fn group(&self) -> Result<&Group> {
        self.group
            .as_ref()
            .ok_or_else(|| Error::Misuse("group.id is not set; assign partitions instead".into()))
    }

    /// Reads exactly these partitions, without the group: those that were assigned before go on where they are, others
    /// begin at the committed offset (with `group.id`) or where `auto.offset.reset` says.
    pub fn assign(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        self.shared.cluster.pin(partitions.iter().map(|partition| Arc::clone(&partition.topic)), false);
        self.shared.update(|desk| {
            desk.retain(&partitions);
            desk.add(&partitions, Missing::Committed);
        });
    }

    /// Reads on at `offset` in a partition, assigning it if need be, without the group. For readers of single
    /// partitions, such as a changelog.
    pub fn assign_at(&self, partition: TopicPartition, offset: Offset) {
        let mut partitions = self.assignment();
        if !partitions.contains(&partition) {
            partitions.push(partition.clone());
        }
        self.shared.cluster.pin(partitions.iter().map(|partition| Arc::clone(&partition.topic)), false);
        self.shared.update(|desk| {
            desk.add(std::slice::from_ref(&partition), Missing::Seek(offset.0));
            desk.seek(&partition, Ok(offset.0));
        });
    }

    /// Stops reading partitions that were assigned by hand.
    pub fn unassign(&self, partitions: &[TopicPartition]) {
        self.shared.update(|desk| desk.remove(partitions));
    }

    /// What is read now.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.desk().partitions()
    }

    /// Waits for the next event, `timeout` at most. The call also says that the program is alive
    /// (`max.poll.interval.ms`) and that it is done with the records it got before, which an automatic commit may
    /// then cover. Cancel-safe: a dropped future loses no event.
    ///
    /// # Errors
    /// A failure that retrying does not mend, and that concerns this consumer: authorisation, fencing, no valid offset.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let next = std::pin::pin!(self.shared.next());
        let item = match futures::poll!(next) {
            std::task::Poll::Ready(item) => item,
            std::task::Poll::Pending => {
                let next = std::pin::pin!(self.shared.next());
                match select(next, self.runtime.sleep_until(after(timeout))).await {
                    Either::Left((item, _)) => item,
                    Either::Right(_) => return Ok(None),
                }
            }
        };
        delivered(item).map(Some)
    }

    /// As [`Self::poll`], on a plain thread.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub fn poll_blocking(&mut self, timeout: Duration) -> Result<Option<Event>> {
        match park_until(self.shared.next(), Some(after(timeout))) {
            Some(item) => delivered(item).map(Some),
            None => Ok(None),
        }
    }

    /// The records as a stream of batches. Rebalances are dealt with on the way: what is revoked is let go of at once,
    /// after the automatic commit if that is on.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Fetched>> + '_ {
        futures::stream::unfold(self, |consumer| async move {
            loop {
                match delivered(consumer.shared.next().await) {
                    Ok(Event::Fetched(fetched)) => return Some((Ok(fetched), consumer)),
                    Ok(_) => {}
                    Err(error) => return Some((Err(error), consumer)),
                }
            }
        })
    }

    /// Reads on at `offset`. What was fetched but not polled is dropped.
    ///
    /// # Errors
    /// The partition is not assigned.
    pub fn seek(&self, partition: &TopicPartition, offset: Offset) -> Result<()> {
        self.seek_to(partition, Ok(offset.0))
    }

    /// Reads on at the log's start.
    ///
    /// # Errors
    /// The partition is not assigned.
    pub fn seek_to_beginning(&self, partition: &TopicPartition) -> Result<()> {
        self.seek_to(partition, Err(Missing::Seek(EARLIEST)))
    }

    /// Reads on at the log's end.
    ///
    /// # Errors
    /// The partition is not assigned.
    pub fn seek_to_end(&self, partition: &TopicPartition) -> Result<()> {
        self.seek_to(partition, Err(Missing::Seek(LATEST)))
    }

    fn seek_to(&self, partition: &TopicPartition, to: Result<i64, Missing>) -> Result<()> {
        if self.shared.update(|desk| desk.seek(partition, to)) {
            Ok(())
        } else {
            Err(not_assigned(partition))
        }
    }

    /// Hands out no records of these partitions until they are resumed. What was fetched is kept.
    pub fn pause(&self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, true);
    }

    /// Hands out records of these partitions again.
    pub fn resume(&self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, false);
    }

    fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        self.shared.update(|desk| {
            for partition in partitions {
                if let Some(place) = desk.place_mut(partition) {
                    place.paused = paused;
                }
            }
        });
    }

    /// Since when no broker can be reached, and why; `None` while one can, or as long as nobody has tried.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.shared.cluster.outage()
    }

    /// Which topic a name stands for (KIP-516), as far as the client knows: one that is deleted and made anew has another id. Nil
    /// where the cluster has not told.
    #[must_use]
    pub fn topic_id(&self, topic: &str) -> Uuid {
        self.shared.cluster.snapshot().topic(topic).map_or_else(Uuid::nil, |topic| topic.id)
    }

    /// The offset of the next record that a poll hands out, once it is known.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.shared.desk().place(partition)?.position.map(Offset)
    }

    /// The end of the partition as of the last fetch, empty ones included.
    #[must_use]
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.shared.desk().place(partition)?.high_watermark.map(Offset)
    }

    /// When a broker last answered a fetch of the partition: so old is what [`high_watermark`](Self::high_watermark) says. Nothing
    /// is fetched while the partition is paused, or while records of it wait to be polled.
    #[must_use]
    pub fn heard(&self, partition: &TopicPartition) -> Option<std::time::Instant> {
        self.shared.desk().place(partition)?.heard
    }

    /// The start of the partition's log as of the last fetch.
    #[must_use]
    pub fn log_start_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.shared.desk().place(partition)?.log_start.map(Offset)
    }

    /// Commits the positions of all partitions: everything that polls have handed out.
    ///
    /// # Errors
    /// `REBALANCE_IN_PROGRESS`: poll, then commit again. Fenced: the partitions have another owner. Other failures
    /// after `default.api.timeout.ms`.
    pub async fn commit(&self) -> Result<()> {
        let positions = self.shared.desk().positions();
        self.commit_offsets(positions).await
    }

    /// Commits these offsets, each of the next record to read.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn commit_offsets<O: Into<OffsetAndMetadata>>(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        let offsets: Vec<(TopicPartition, OffsetAndMetadata)> =
            offsets.into_iter().map(|(partition, offset)| (partition, offset.into())).collect();
        let shared = Arc::clone(&self.shared);
        self.runtime.run(async move { commit(&shared, &offsets).await }).await
    }

    /// As [`Self::commit_offsets`], on a plain thread.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_blocking<O: Into<OffsetAndMetadata>>(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        park_until(self.commit_offsets(offsets), None).unwrap_or(Err(Error::Closed))
    }

    /// Commits the positions in the background; a failure is logged, the next commit repairs it.
    pub fn commit_async(&self) {
        let shared = Arc::clone(&self.shared);
        self.runtime.detach(async move {
            let offsets = shared.desk().positions();
            if let Err(error) = commit(&shared, &offsets).await {
                tracing::warn!(%error, "a commit in the background failed");
            }
        });
    }

    /// What the group has committed for these partitions; those without are left out.
    ///
    /// # Errors
    /// `group.id` is not set, or the coordinator's failure after `default.api.timeout.ms`.
    pub async fn committed(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        let shared = Arc::clone(&self.shared);
        let work = async move {
            let deadline = Instant::now() + shared.config.client.default_api_timeout;
            coordinator(&shared)?.committed(&shared.cluster, Some(&partitions), deadline).await
        };
        self.runtime.run(work).await
    }

    /// For each partition the first offset whose record is of this time (ms) or later; `None` where there is none.
    ///
    /// # Errors
    /// The leaders' failure after `default.api.timeout.ms`.
    pub async fn offsets_for_times(
        &self,
        times: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<HashMap<TopicPartition, Option<OffsetAndTimestamp>>> {
        let times: Vec<(TopicPartition, i64)> = times.into_iter().collect();
        let shared = Arc::clone(&self.shared);
        let work = async move {
            let deadline = Instant::now() + shared.config.client.default_api_timeout;
            list_offsets(&shared.cluster, times, shared.config.isolation_level.code(), deadline).await
        };
        self.runtime.run(work).await
    }

    /// Where the logs begin.
    ///
    /// # Errors
    /// As [`Self::offsets_for_times`].
    pub async fn beginning_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<HashMap<TopicPartition, Offset>> {
        self.ends(partitions, EARLIEST).await
    }

    /// Where the logs end: the high watermark, or the last stable offset (read committed).
    ///
    /// # Errors
    /// As [`Self::offsets_for_times`].
    pub async fn end_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<HashMap<TopicPartition, Offset>> {
        self.ends(partitions, LATEST).await
    }

    async fn ends(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        which: i64,
    ) -> Result<HashMap<TopicPartition, Offset>> {
        let found =
            self.offsets_for_times(partitions.into_iter().map(|partition| (partition, which))).await?;
        Ok(found
            .into_iter()
            .filter_map(|(partition, found)| Some((partition, Offset(found?.offset))))
            .collect())
    }

    /// Commits if that is automatic, leaves the group at once, and stops. A static member keeps its place for
    /// `session.timeout.ms`, as in Kafka; [`Self::close_leaving`] gives it up. Dropping a consumer instead makes the
    /// group wait for `session.timeout.ms`.
    ///
    /// # Errors
    /// None so far.
    pub async fn close(self) -> Result<()> {
        let keep_place = self.shared.config.group_instance_id.is_some();
        self.end(keep_place).await
    }

    /// As [`Self::close`], and leaves the group also as a static member (KIP-1092).
    ///
    /// # Errors
    /// None so far.
    pub async fn close_leaving(self) -> Result<()> {
        self.end(false).await
    }

    /// As [`Self::close`], but keeps the place in the group for `session.timeout.ms`, for a restart in between.
    ///
    /// # Errors
    /// None so far.
    pub async fn close_keeping_place(self) -> Result<()> {
        self.end(true).await
    }

    async fn end(self, keep_place: bool) -> Result<()> {
        if let Some(group) = &self.group {
            group.close(keep_place).await;
        }
        Ok(())
    }

    /// As [`Self::close_leaving`] or [`Self::close_keeping_place`], on a plain thread.
    ///
    /// # Errors
    /// None so far.
    pub fn close_blocking(self, keep_place: bool) -> Result<()> {
        park_until(self.end(keep_place), None).unwrap_or(Ok(()))
    }
}

/// The longest that a poll waits: what is longer means for ever.
const POLL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

fn after(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(POLL_MAX)
}

fn delivered(item: Item) -> Result<Event> {
    match item {
        Item::Event(event) => Ok(event),
        Item::Failure(error) => Err(error),
    }
}

fn not_assigned(partition: &TopicPartition) -> Error {
    Error::Misuse(format!("{partition} is not assigned to this consumer").into())
}

fn coordinator(shared: &Shared) -> Result<&Coordinator> {
    shared
        .coordinator
        .as_ref()
        .ok_or_else(|| Error::Misuse("group.id is not set; offsets cannot be committed".into()))
}

async fn commit(shared: &Shared, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Result<()> {
    let deadline = Instant::now() + shared.config.client.default_api_timeout;
    let member = shared.member.lock().clone();
    if member.has_no_place() {
        let group = shared.config.group_id.clone().unwrap_or_default();
        return Err(Error::broker(
            crate::ErrorCode::UnknownMemberId,
            format!("committing as a member of group {group}"),
        ));
    }
    coordinator(shared)?.commit(&shared.cluster, &member, offsets, deadline).await
}
