//! The task that carries out what [`Membership`] decides: requests, timers, the program's events, commits.

mod act;
mod answered;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::assignor::{Assignment, Members, TopicSizes};
use super::handle::{Command, Topics};
use super::membership::{Answer, Membership, Settings};
use super::requests::{self, JoinOutcome};
use super::{Assignor, RebalanceProtocol};
use crate::connection::Node;
use crate::consumer::coordinator::Member;
use crate::consumer::shared::Shared;
use crate::metadata::Snapshot;
use crate::{OffsetAndMetadata, Result, TopicPartition};

/// How often the task looks whether the program polls again.
const WATCH_POLLS: Duration = Duration::from_millis(200);

/// Something that the task waited for.
enum Done {
    Found(u64, Answer<()>),
    Joined(u64, JoinOutcome),
    Planned(u64, Result<BTreeMap<String, Assignment>>),
    Synced(u64, Answer<Assignment>),
    Beat(i32, Answer<()>),
    /// The revocation with this number was let go of.
    Released(u64),
    Committed(Result<()>),
    Left,
}

/// See the module.
pub(super) struct Shell {
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    events: FuturesUnordered<BoxFuture<'static, Done>>,
    membership: Membership,
    topics: Topics,
    /// What `topics` stands for now.
    names: Vec<Arc<str>>,
    /// The connection for joins and syncs, which the coordinator leaves unanswered for as long as a rebalance takes.
    node: Option<Arc<Node>>,
    assignor: Option<Arc<dyn Assignor>>,
    /// On the leader: who joined, and what it assigned, until it is handed out.
    members: Members,
    plan: BTreeMap<String, Assignment>,
    /// What the topics looked like when they were assigned; a change is a reason to assign anew. Leader only.
    assigned_sizes: Option<TopicSizes>,
    assignment: Assignment,
    /// Numbers revocations, so that a late release of one is not taken for another's.
    revocation: u64,
    next_commit: Instant,
    committing: bool,
}

impl Shell {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::Receiver<Command>) -> Self {
        let config = &shared.config;
        let cooperative =
            config.assignors.iter().all(|assignor| assignor.protocol() == RebalanceProtocol::Cooperative);
        let settings = Settings {
            protocol: if cooperative { RebalanceProtocol::Cooperative } else { RebalanceProtocol::Eager },
            heartbeat_interval: config.heartbeat_interval,
            session_timeout: config.session_timeout,
            max_poll_interval: config.max_poll_interval,
            is_static: config.group_instance_id.is_some(),
            backoff: shared.cluster.retry_backoff(),
        };
        let now = Instant::now();
        Self {
            membership: Membership::new(settings, now),
            next_commit: now + config.auto_commit_interval,
            shared,
            commands,
            events: FuturesUnordered::new(),
            topics: Topics::Names(Vec::new()),
            names: Vec::new(),
            node: None,
            assignor: None,
            members: Members::new(),
            plan: BTreeMap::new(),
            assigned_sizes: None,
            assignment: Assignment::default(),
            revocation: 0,
            committing: false,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut changes = shared.cluster.changes();
        loop {
            let now = Instant::now();
            let polled = self.membership.polled(shared.last_poll(), now);
            self.carry_out(polled);
            let due = self.membership.tick(now);
            self.carry_out(due);
            self.commit_if_due(now);
            let wake_at = self.wake_at(now);
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Subscribe(topics)) => self.subscribe(topics),
                    Some(Command::Rejoin) => self.rejoin(),
                    Some(Command::Unsubscribe) => self.unsubscribe().await,
                    Some(Command::Close { keep_place, done }) => {
                        self.close(keep_place).await;
                        let _ = done.send(());
                        return;
                    }
                },
                Some(done) = self.events.next(), if !self.events.is_empty() => self.handle(done),
                Ok(()) = changes.changed() => self.metadata_changed(),
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
        }
    }

    fn wake_at(&self, now: Instant) -> Instant {
        let mut at = now + WATCH_POLLS;
        if let Some(deadline) = self.membership.deadline() {
            at = at.min(deadline);
        }
        at.max(now + Duration::from_millis(1))
    }

    fn subscribe(&mut self, topics: Topics) {
        self.topics = topics;
        self.names = self.resolve(&self.shared.cluster.snapshot());
        self.pin();
        self.rejoin();
    }

    /// What the subscription stands for now.
    fn resolve(&self, snapshot: &Snapshot) -> Vec<Arc<str>> {
        let mut names = match &self.topics {
            Topics::Names(names) => names.clone(),
            Topics::Matching(accepts) => {
                let internal_too = !self.shared.config.exclude_internal_topics;
                let topics = snapshot.topics.values().filter(|topic| internal_too || !topic.internal);
                topics.map(|topic| Arc::clone(&topic.name)).filter(|name| accepts(name)).collect()
            }
        };
        names.sort_unstable();
        names
    }

    fn pin(&self) {
        let all = matches!(self.topics, Topics::Matching(_));
        let of_group = self.members.values().flat_map(|member| member.topics.iter().cloned());
        self.shared.cluster.pin(self.names.iter().cloned().chain(of_group), all);
    }

    fn rejoin(&mut self) {
        let actions = self.membership.subscribed(Instant::now());
        self.carry_out(actions);
    }

    /// A pattern may match other topics now; the leader also looks for topics that gained partitions.
    fn metadata_changed(&mut self) {
        let snapshot = self.shared.cluster.snapshot();
        let names = self.resolve(&snapshot);
        let grown = self.assigned_sizes.as_ref().is_some_and(|sizes| {
            self.membership.is_stable()
                && sizes != &sizes_of(&snapshot, self.members.values().flat_map(|member| &member.topics))
        });
        if names != self.names || grown {
            self.names = names;
            self.assigned_sizes = None;
            self.rejoin();
        }
    }

    fn member(&self) -> Member {
        Member {
            id: self.membership.member_id().to_owned(),
            generation: self.membership.generation(),
            instance_id: self.shared.config.group_instance_id.clone(),
            subscribed: !self.membership.is_idle(),
        }
    }

    fn push(&self, event: impl Future<Output = Done> + Send + 'static) {
        self.events.push(event.boxed());
    }

    fn commit_if_due(&mut self, now: Instant) {
        if !self.shared.config.auto_commit || now < self.next_commit || self.committing {
            return;
        }
        self.next_commit = now + self.shared.config.auto_commit_interval;
        // Whoever assigns partitions by hand commits as nobody in particular.
        if !self.membership.is_stable() && !self.membership.is_idle() {
            return;
        }
        self.committing = true;
        let (shared, member) = (Arc::clone(&self.shared), self.member());
        let offsets = shared.desk().processed(None);
        self.push(async move { Done::Committed(commit(&shared, &member, offsets).await) });
    }

    async fn unsubscribe(&mut self) {
        let held = self.membership.owned().to_vec();
        self.close(false).await;
        self.revocation += 1;
        self.topics = Topics::Names(Vec::new());
        self.names.clear();
        self.members.clear();
        self.assigned_sizes = None;
        self.shared.update(|desk| desk.remove(&held));
        self.pin();
        self.carry_out(Vec::new());
    }

    async fn close(&mut self, keep_place: bool) {
        let member = self.member();
        // Nobody looks at these while this waits, and one of them may hold what this waits for: the turn to connect.
        self.events.clear();
        self.committing = false;
        if self.shared.config.auto_commit && (member.generation >= 0 || self.membership.is_idle()) {
            let offsets = self.shared.desk().positions();
            if let Err(error) = commit(&self.shared, &member, offsets).await {
                tracing::warn!(%error, "the commit at close failed; records will be read again");
            }
        }
        let is_held_by_name = member.instance_id.is_some() && self.membership.joins_unnamed();
        let leaves = (!self.membership.leave().is_empty() || is_held_by_name) && !keep_place;
        if leaves && let Err(error) = leave(&self.shared, &member).await {
            tracing::debug!(%error, "could not leave the group; it notices at session.timeout.ms");
            if error.is_retriable() {
                tokio::spawn(leave_later(Arc::clone(&self.shared), member));
            }
        }
    }
}

async fn leave(shared: &Shared, member: &Member) -> Result<()> {
    requests::leave(shared, member, "the consumer was closed").await
}

/// Leaves the group once its coordinator can be reached again, unless the group has forgotten the member by then. The place of a
/// static member is kept for long, and what it had to read is read by nobody.
async fn leave_later(shared: Arc<Shared>, member: Member) {
    let forgotten_at = Instant::now() + shared.config.session_timeout;
    for failures in 1.. {
        tokio::time::sleep(shared.cluster.retry_backoff().delay(failures)).await;
        match leave(&shared, &member).await {
            Err(error) if error.is_retriable() && Instant::now() < forgotten_at => {}
            Err(error) => return tracing::debug!(%error, "could not leave the group later either"),
            Ok(()) => return,
        }
    }
}

async fn commit(
    shared: &Shared,
    member: &Member,
    offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
) -> Result<()> {
    let Some(coordinator) = &shared.coordinator else { return Ok(()) };
    let deadline = Instant::now() + shared.config.client.request_timeout;
    coordinator.commit(&shared.cluster, member, &offsets, deadline).await
}

fn sizes_of<'t>(snapshot: &Snapshot, topics: impl IntoIterator<Item = &'t Arc<str>>) -> TopicSizes {
    let known = |name: &Arc<str>| {
        let topic = snapshot.usable(name)?;
        Some((Arc::clone(name), topic.partitions.len() as i32))
    };
    topics.into_iter().filter_map(known).collect()
}
