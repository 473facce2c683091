//! The task that carries out what [`Membership`] decides: requests, timers, the program's events, commits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::assignor::{Assignment, Members, Subscription, TopicSizes};
use super::membership::{Action, Answer, Joined, Membership, Settings};
use super::requests::{self, JoinOutcome};
use super::{Assignor, RebalanceProtocol};
use crate::connection::Node;
use crate::consumer::coordinator::Member;
use crate::consumer::desk::Missing;
use crate::consumer::event::{Event, Revoked};
use crate::consumer::shared::Shared;
use crate::metadata::Snapshot;
use crate::runtime::{Runtime, TaskGuard};
use crate::{Error, Result, TopicPartition};

/// Orders of the program that wait for the task.
const COMMANDS_MAX: usize = 16;
/// How often the task looks whether the program polls again.
const WATCH_POLLS: Duration = Duration::from_millis(200);
/// How long the leader waits for the metadata of topics that it did not know.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// What a program subscribes to.
#[derive(Clone)]
pub(crate) enum Topics {
    Names(Vec<Arc<str>>),
    /// Every topic whose name it accepts.
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(names) => f.debug_tuple("Names").field(names).finish(),
            Self::Matching(_) => f.write_str("Matching"),
        }
    }
}

enum Command {
    Subscribe(Topics),
    Rejoin,
    /// Leaves, and waits for the next subscription.
    Unsubscribe,
    /// Leaves, or keeps its place; answers when that is done.
    Close {
        keep_place: bool,
        done: oneshot::Sender<()>,
    },
}

/// The program's end of the group's task.
#[derive(Debug)]
pub(crate) struct Group {
    commands: mpsc::Sender<Command>,
    _task: TaskGuard,
}

impl Group {
    pub(crate) fn start(shared: Arc<Shared>, runtime: &Runtime) -> Self {
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let task = runtime.spawn(Shell::new(shared, orders).run());
        Self { commands, _task: task }
    }

    pub(crate) fn subscribe(&self, topics: Topics) -> Result<()> {
        self.commands.try_send(Command::Subscribe(topics)).map_err(|_| busy())
    }

    pub(crate) fn rejoin(&self) -> Result<()> {
        self.commands.try_send(Command::Rejoin).map_err(|_| busy())
    }

    pub(crate) fn unsubscribe(&self) -> Result<()> {
        self.commands.try_send(Command::Unsubscribe).map_err(|_| busy())
    }

    pub(crate) async fn close(&self, keep_place: bool) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { keep_place, done }).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn busy() -> Error {
    Error::Misuse("more subscription changes than the group's task can take in; subscribe less often".into())
}

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

struct Shell {
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
    fn new(shared: Arc<Shared>, commands: mpsc::Receiver<Command>) -> Self {
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

    async fn run(mut self) {
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
        }
    }

    fn push(&self, event: impl Future<Output = Done> + Send + 'static) {
        self.events.push(event.boxed());
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.act(action);
        }
        *self.shared.member.lock() = self.member();
    }

    fn act(&mut self, action: Action) {
        let (shared, member) = (Arc::clone(&self.shared), self.member());
        match action {
            Action::Find(ticket) => self.push(async move { Done::Found(ticket, find(&shared).await) }),
            Action::Join(ticket) => self.join(ticket, member),
            Action::Plan(ticket) => self.plan(ticket),
            Action::Sync(ticket) => {
                let plan = std::mem::take(&mut self.plan);
                let assignor = self.assignor.as_ref().map_or_else(String::new, |a| a.name().to_owned());
                if let Some(node) = self.node.clone() {
                    self.push(async move {
                        Done::Synced(ticket, requests::sync(&shared, &node, &member, &assignor, plan).await)
                    });
                }
            }
            Action::Heartbeat => self.push(async move {
                Done::Beat(member.generation, requests::heartbeat(&shared, &member).await)
            }),
            Action::Leave(id) => self.push(async move {
                let member = Member { id, ..member };
                let reason = "max.poll.interval.ms passed without a poll";
                tracing::warn!(reason, "leaving the group; poll more often, or raise max.poll.interval.ms");
                if let Err(error) = requests::leave(&shared, &member, reason).await {
                    tracing::debug!(%error, "could not leave the group");
                }
                Done::Left
            }),
            Action::Revoke(partitions) => self.revoke(partitions),
            Action::Lose(partitions) => {
                self.revocation += 1;
                self.shared.update(|desk| {
                    desk.remove(&partitions);
                    desk.tell(Event::Lost(partitions));
                });
            }
            Action::Assign(partitions) => {
                if let Some(assignor) = &self.assignor {
                    assignor.on_assignment(&self.assignment, self.membership.generation());
                }
                self.shared.update(|desk| {
                    desk.add(&partitions, Missing::Committed);
                    desk.tell(Event::Assigned(partitions));
                });
            }
            Action::Fail(code) => {
                let group = shared.config.group_id.clone().unwrap_or_default();
                let error = Error::broker(code, format!("membership in group {group}"));
                self.shared.update(|desk| desk.fail(error));
            }
        }
    }

    fn join(&mut self, ticket: u64, member: Member) {
        let shared = Arc::clone(&self.shared);
        let subscription = Subscription {
            topics: self.names.clone(),
            user_data: None,
            owned: self.membership.owned().to_vec(),
            generation: member.generation,
            rack: Some(shared.config.client.client_rack.clone()).filter(|rack| !rack.is_empty()),
            instance_id: member.instance_id.clone(),
        };
        self.assigned_sizes = None;
        self.members.clear();
        let Some(node) = self.node.clone() else { return };
        self.push(async move {
            Done::Joined(ticket, requests::join(&shared, &node, &member, &subscription).await)
        });
    }

    /// The leader assigns on a thread that may block, when it knows the topics of all members.
    fn plan(&mut self, ticket: u64) {
        self.pin();
        let Some(assignor) = self.assignor.clone() else { return };
        let (shared, members) = (Arc::clone(&self.shared), self.members.clone());
        self.push(async move {
            let topics: Vec<Arc<str>> = members.values().flat_map(|member| member.topics.clone()).collect();
            let deadline = Instant::now() + METADATA_WAIT;
            // Topics that do not exist are left out of the assignment.
            join_all(topics.iter().map(|topic| shared.cluster.topic(topic, deadline))).await;
            let sizes = sizes_of(&shared.cluster.snapshot(), &topics);
            let assigned = tokio::task::spawn_blocking(move || assignor.assign(&sizes, &members)).await;
            Done::Planned(ticket, assigned.unwrap_or_else(|panic| Err(assignor_panicked(&panic))))
        });
    }

    fn revoke(&mut self, partitions: Vec<TopicPartition>) {
        self.revocation += 1;
        let number = self.revocation;
        let (event, released) = Revoked::new(partitions.clone());
        self.shared.update(|desk| {
            desk.leaving(&partitions);
            desk.tell(Event::Revoked(event));
        });
        let (shared, member) = (Arc::clone(&self.shared), self.member());
        self.push(async move {
            let _ = released.await;
            if shared.config.auto_commit {
                let offsets = shared.desk().processed(Some(&partitions));
                if let Err(error) = commit(&shared, &member, offsets).await {
                    tracing::warn!(%error, "the last commit before a rebalance failed; records will be read again");
                }
            }
            Done::Released(number)
        });
    }

    fn handle(&mut self, done: Done) {
        let now = Instant::now();
        let actions = match done {
            Done::Found(ticket, answer) => {
                self.note_node();
                self.membership.found(ticket, answer, now)
            }
            Done::Joined(ticket, outcome) => self.joined(ticket, outcome, now),
            Done::Planned(ticket, Ok(plan)) => {
                self.plan = plan;
                let topics = self.members.values().flat_map(|member| &member.topics);
                self.assigned_sizes = Some(sizes_of(&self.shared.cluster.snapshot(), topics));
                self.membership.planned(ticket)
            }
            Done::Planned(_, Err(error)) => {
                self.shared.update(|desk| desk.fail(error));
                self.membership.leave()
            }
            Done::Synced(ticket, answer) => {
                let partitions = match answer {
                    Answer::Done(assignment) => {
                        self.assignment = assignment;
                        Answer::Done(self.assignment.partitions.clone())
                    }
                    Answer::Refused(code) => Answer::Refused(code),
                    Answer::Lost => Answer::Lost,
                };
                self.membership.synced(ticket, partitions, now)
            }
            Done::Beat(generation, answer) => self.membership.heartbeat_answered(generation, answer, now),
            Done::Released(number) if number == self.revocation => self.let_go(),
            Done::Released(_) | Done::Left => Vec::new(),
            Done::Committed(result) => {
                self.committing = false;
                if let Err(error) = result {
                    tracing::warn!(%error, "an automatic commit failed; it is repeated at the next interval");
                }
                Vec::new()
            }
        };
        self.carry_out(actions);
    }

    fn joined(&mut self, ticket: u64, outcome: JoinOutcome, now: Instant) -> Vec<Action> {
        if let Some(id) = outcome.named {
            self.membership.named(id);
        }
        if let Answer::Done(Joined { generation, leads, .. }) = &outcome.answer {
            tracing::debug!(generation, leads, "joined the group");
            self.members = outcome.members;
            self.assignor = outcome.assignor;
        }
        self.membership.joined(ticket, outcome.answer, now)
    }

    fn let_go(&mut self) -> Vec<Action> {
        let before = self.membership.owned().to_vec();
        let actions = self.membership.released();
        let gone: Vec<TopicPartition> =
            before.into_iter().filter(|partition| !self.membership.owned().contains(partition)).collect();
        self.shared.update(|desk| desk.remove(&gone));
        actions
    }

    /// Follows the coordinator to the broker where it is now.
    fn note_node(&mut self) {
        let Some(coordinator) = &self.shared.coordinator else { return };
        let snapshot = self.shared.cluster.snapshot();
        let Some(broker) = coordinator.known().and_then(|node| snapshot.brokers.get(&node)) else { return };
        match &self.node {
            Some(node) => node.moved_to(broker.address.clone()),
            None => self.node = Some(Arc::new(Node::new(broker.address.clone()))),
        }
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
        if self.shared.config.auto_commit && (member.generation >= 0 || self.membership.is_idle()) {
            let offsets = self.shared.desk().positions();
            if let Err(error) = commit(&self.shared, &member, offsets).await {
                tracing::warn!(%error, "the commit at close failed; records will be read again");
            }
        }
        let leaves = !self.membership.leave().is_empty();
        if leaves
            && !keep_place
            && let Err(error) = requests::leave(&self.shared, &member, "the consumer was closed").await
        {
            tracing::debug!(%error, "could not leave the group; it notices at session.timeout.ms");
        }
    }
}

async fn find(shared: &Shared) -> Answer<()> {
    let Some(coordinator) = &shared.coordinator else { return Answer::Lost };
    requests::answer(coordinator.node(&shared.cluster).await.map(|_| ()))
}

async fn commit(
    shared: &Shared,
    member: &Member,
    offsets: Vec<(TopicPartition, crate::OffsetAndMetadata)>,
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

fn assignor_panicked(panic: &tokio::task::JoinError) -> Error {
    Error::Misuse(format!("the assignor panicked: {panic}").into())
}
