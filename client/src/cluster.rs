//! The cluster as producer, consumer and admin share it: brokers to talk to, and metadata that is kept fresh.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use millstream_wire::ids::NodeId;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};

use crate::config::ClientConfig;
use crate::connection::{Backoff, Link, Node};
use crate::metadata::{Interest, Snapshot, TopicMetadata};
use crate::runtime::{Runtime, TaskGuard};
use crate::{Error, ErrorCode, Result};

/// Shared by all parts of one client; the refresher ends when the last of them is gone.
#[derive(Debug)]
pub(crate) struct Cluster {
    core: Arc<Core>,
    _refresher: TaskGuard,
}

/// No broker of the cluster can be reached.
#[derive(Debug, Clone)]
pub struct Outage {
    /// When that was first seen.
    pub since: Instant,
    /// What the last try met with.
    pub why: Error,
}

#[derive(Debug)]
struct Core {
    config: ClientConfig,
    runtime: Runtime,
    /// Topics are created by asking for them (`allow.auto.create.topics`).
    auto_create: bool,
    /// Where to begin, and where to return when every known broker is out of reach.
    seeds: Vec<Arc<Node>>,
    /// Brokers by id. A blocking lock: held for a look-up.
    nodes: Mutex<HashMap<NodeId, Arc<Node>>>,
    /// Read for every batch, written at every refresh.
    snapshot: RwLock<Arc<Snapshot>>,
    interest: Mutex<Interest>,
    /// Asks the refresher for a round, `retry.backoff.ms` after the last one at the earliest: what a round does not mend
    /// may be asked for again as soon as it is over.
    wanted: Notify,
    /// Asks for a round now: a topic is asked for that was not before.
    urgent: Notify,
    /// The version of the newest snapshot.
    version: watch::Sender<u64>,
    /// Why the last round failed, for the error of whoever gives up waiting, and since when all have.
    last_failure: Mutex<Option<Outage>>,
}

impl Cluster {
    /// Starts refreshing; the first round runs at once.
    pub(crate) fn start(config: ClientConfig, auto_create: bool, runtime: Runtime) -> Result<Self> {
        config.validate()?;
        let seeds =
            config.bootstrap_servers.iter().map(|address| Arc::new(Node::new(address.as_str().into())));
        let core = Arc::new(Core {
            seeds: seeds.collect(),
            config,
            runtime,
            auto_create,
            nodes: Mutex::default(),
            snapshot: RwLock::default(),
            interest: Mutex::default(),
            wanted: Notify::new(),
            urgent: Notify::new(),
            version: watch::Sender::new(0),
            last_failure: Mutex::new(None),
        });
        let refresher = core.runtime.spawn(Arc::clone(&core).keep_fresh());
        Ok(Self { core, _refresher: refresher })
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.core.config
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.core.runtime
    }

    pub(crate) fn retry_backoff(&self) -> Backoff {
        Backoff { base: self.core.config.retry_backoff, max: self.core.config.retry_backoff_max }
    }

    /// The newest state.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.core.snapshot.read())
    }

    /// Since when the cluster cannot be reached.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.core.last_failure.lock().clone()
    }

    /// Fires after every refresh.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.core.version.subscribe()
    }

    /// Asks for a refresh soon.
    pub(crate) fn request_refresh(&self) {
        self.core.wanted.notify_one();
    }

    /// Replaces the topics that are always asked for; `all` for a pattern.
    pub(crate) fn pin(&self, topics: impl IntoIterator<Item = Arc<str>>, all: bool) {
        self.core.interest.lock().pin(topics, all);
        self.core.urgent.notify_one();
    }

    /// Notes that the topic is in use.
    pub(crate) fn touch(&self, topic: &str) {
        if self.core.interest.lock().touch(topic, Instant::now()) {
            self.core.urgent.notify_one();
        }
    }

    /// Waits for the first state.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<()> {
        self.until(
            deadline,
            || "finding the cluster".to_owned(),
            |snapshot| (snapshot.version > 0).then_some(Ok(())),
        )
        .await
    }

    /// The topic once it can be used. Must run on the client's runtime.
    pub(crate) async fn topic(&self, name: &str, deadline: Instant) -> Result<Arc<TopicMetadata>> {
        self.touch(name);
        let what = || match self.snapshot().topic(name).and_then(|topic| topic.error) {
            Some(ErrorCode::UnknownTopicOrPartition) => {
                format!("waiting for topic {name}, which does not exist,")
            }
            Some(code) => format!("waiting for topic {name}, which the broker answers with {code},"),
            None => format!("metadata of topic {name}"),
        };
        self.until(deadline, what, |snapshot| {
            if let Some(topic) = snapshot.usable(name) {
                return Some(Ok(Arc::clone(topic)));
            }
            let code = snapshot.topic(name)?.error?;
            (!code.is_retriable()).then(|| Err(Error::broker(code, format!("topic {name}"))))
        })
        .await
    }

    /// Waits until `look` finds what it wants in a snapshot, asking for refreshes meanwhile.
    async fn until<T>(
        &self,
        deadline: Instant,
        what: impl Fn() -> String,
        look: impl Fn(&Snapshot) -> Option<Result<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        let mut changes = self.changes();
        let mut failures = 0;
        loop {
            changes.mark_unchanged();
            if let Some(found) = look(&self.snapshot()) {
                return found;
            }
            if failures > 0 {
                tokio::time::sleep(self.retry_backoff().delay(failures)).await;
            }
            failures += 1;
            self.request_refresh();
            // A change that is there already would win against a deadline that has passed.
            let late = Instant::now() >= deadline;
            if late || tokio::time::timeout_at(deadline.into(), changes.changed()).await.is_err() {
                return Err(self.core.gave_up(&what(), deadline - started));
            }
        }
    }

    /// A connection to the broker with this id.
    pub(crate) async fn node(&self, id: NodeId) -> Result<Arc<Link>> {
        self.core.node(id).await
    }

    /// A connection to any broker.
    pub(crate) async fn any(&self) -> Result<Arc<Link>> {
        self.core.any().await
    }

    /// A connection to the controller, or to any broker: brokers forward what only the controller may do.
    pub(crate) async fn controller(&self) -> Result<Arc<Link>> {
        match self.snapshot().controller {
            Some(id) => self.node(id).await,
            None => self.any().await,
        }
    }
}

impl Core {
    async fn keep_fresh(self: Arc<Self>) {
        let backoff = Backoff { base: self.config.retry_backoff, max: self.config.retry_backoff_max };
        let mut failures = 0;
        loop {
            match self.refresh().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    // Once a streak: whoever waits for an unreachable cluster should not have to guess.
                    if failures == 1 {
                        tracing::warn!(%error, "the cluster cannot be reached; trying again");
                    }
                    tracing::debug!(%error, failures, "metadata refresh failed");
                    let mut last = self.last_failure.lock();
                    let since = last.as_ref().map_or_else(Instant::now, |last| last.since);
                    *last = Some(Outage { since, why: error });
                }
            }
            if failures > 0 {
                tokio::time::sleep(backoff.delay(failures)).await;
            } else {
                self.due().await;
            }
        }
    }

    /// Waits for a reason to refresh what was refreshed just now.
    async fn due(&self) {
        let pause = self.config.retry_backoff;
        let last = tokio::time::Instant::now();
        let asked = async {
            self.wanted.notified().await;
            tokio::time::sleep_until(last + pause).await;
        };
        tokio::select! {
            () = asked => {}
            () = self.urgent.notified() => {}
            () = tokio::time::sleep(self.config.metadata_max_age.max(pause)) => {}
        }
    }

    async fn refresh(&self) -> Result<()> {
        let link = self.any().await?;
        let wanted = self.interest.lock().wanted(Instant::now(), self.config.metadata_max_idle);
        let all = wanted.is_none();
        let named = |name: Arc<str>| {
            let name = TopicName(StrBytes::from_string(name.to_string()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        let request = MetadataRequest::default()
            .with_topics(wanted.map(|topics| topics.into_iter().map(named).collect()))
            .with_allow_auto_topic_creation(self.auto_create);
        let response = link.call(&request).await?;
        crate::error::check(response.error_code, || "Metadata".to_owned())?;
        if response.brokers.is_empty() {
            return Err(Error::broker(ErrorCode::LeaderNotAvailable, "the cluster lists no brokers yet"));
        }
        let next = Arc::new(self.snapshot.read().updated(&response, all));
        self.learn_brokers(&next);
        let version = next.version;
        *self.snapshot.write() = next;
        *self.last_failure.lock() = None;
        self.version.send_replace(version);
        Ok(())
    }

    fn learn_brokers(&self, snapshot: &Snapshot) {
        let mut nodes = self.nodes.lock();
        nodes.retain(|id, _| snapshot.brokers.contains_key(id));
        for broker in snapshot.brokers.values() {
            let node = nodes.entry(broker.id).or_insert_with(|| Arc::new(Node::new(broker.address.clone())));
            if node.address() != broker.address {
                node.moved_to(broker.address.clone());
            }
        }
    }

    async fn node(&self, id: NodeId) -> Result<Arc<Link>> {
        let node = self.nodes.lock().get(&id).cloned();
        let unknown = || Error::Connect {
            address: format!("broker {id}").into(),
            reason: "the metadata does not list it (any more)".into(),
        };
        node.ok_or_else(unknown)?.link(&self.config, &self.runtime).await
    }

    /// Known brokers from a random one on, then the bootstrap addresses.
    async fn any(&self) -> Result<Arc<Link>> {
        let mut nodes: Vec<Arc<Node>> = self.nodes.lock().values().cloned().collect();
        if !nodes.is_empty() {
            let first = rand::random_range(0..nodes.len());
            nodes.rotate_left(first);
        }
        nodes.extend(self.seeds.iter().cloned());
        let mut last = Error::Closed;
        for node in nodes {
            match node.link(&self.config, &self.runtime).await {
                Ok(link) => return Ok(link),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn gave_up(&self, what: &str, after: Duration) -> Error {
        let last =
            self.last_failure.lock().as_ref().map_or_else(String::new, |last| format!(": {}", last.why));
        Error::TimedOut {
            what: what.into(),
            after,
            setting: "max.block.ms or default.api.timeout.ms",
            last: last.into(),
        }
    }
}
