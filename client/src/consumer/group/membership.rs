//! One member's side of the classic group protocol, as a synchronous state machine: what happened and the time in,
//! what to do out. Knows no sockets; [`super::shell`] carries the actions out and reports back.
//!
//! ```text
//! Idle ─► Seeking ─► (Preparing: Revoked is held) ─► Joining ─► Planning (leader) ─► Syncing ─► Stable
//!            ▲              ▲  rebalance                                                        │
//!            │              └───────────────────────────────────────────────────────────────────┤
//!            └── coordinator moved, connection lost                          max.poll.interval.ms ─► Left
//! ```

use std::time::{Duration, Instant};

use super::RebalanceProtocol;
use crate::connection::Backoff;
use crate::{ErrorCode, TopicPartition};

/// What does not change during a membership.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) protocol: RebalanceProtocol,
    pub(super) heartbeat_interval: Duration,
    pub(super) session_timeout: Duration,
    pub(super) max_poll_interval: Duration,
    /// A static member does not say goodbye when it stops polling: its place is kept.
    pub(super) is_static: bool,
    pub(super) backoff: Backoff,
}

/// What the shell is to do. Requests carry a ticket; an answer with an older one is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Find the coordinator.
    Find(u64),
    /// Join with [`Membership::owned`].
    Join(u64),
    /// Assign, as the group's leader; then [`Membership::planned`].
    Plan(u64),
    /// Ask for the own assignment; the leader hands out all of them.
    Sync(u64),
    Heartbeat,
    /// Tell the coordinator that the member with this id goes.
    Leave(String),
    /// Tell the program, and call [`Membership::released`] when it has let go.
    Revoke(Vec<TopicPartition>),
    /// Tell the program that they are gone.
    Lose(Vec<TopicPartition>),
    /// Tell the program what it has in addition.
    Assign(Vec<TopicPartition>),
    /// The membership cannot go on.
    Fail(ErrorCode),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<T> {
    Done(T),
    Refused(ErrorCode),
    /// The connection broke, or no answer came.
    Lost,
}

/// What a join brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) member_id: String,
    pub(super) generation: i32,
    pub(super) leads: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not subscribed.
    Idle,
    Seeking,
    /// Revoked partitions are still held by the program.
    Preparing,
    Joining,
    Planning,
    Syncing,
    Stable,
    /// The program did not poll in time; its next poll joins again.
    Left,
    Failed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Membership {
    settings: Settings,
    phase: Phase,
    member_id: String,
    /// -1 outside a generation.
    generation: i32,
    /// What this member holds, what is being revoked included.
    owned: Vec<TopicPartition>,
    /// What the program was told to let go of.
    revoking: Vec<TopicPartition>,
    /// The subscription changed: join again when possible.
    rejoin: bool,
    ticket: u64,
    failures: u32,
    retry_at: Option<Instant>,
    heartbeat_sent: Instant,
    heartbeat_pending: bool,
    /// When the coordinator was last heard of.
    heard: Instant,
    polled: Instant,
}

impl Membership {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            phase: Phase::Idle,
            member_id: String::new(),
            generation: -1,
            owned: Vec::new(),
            revoking: Vec::new(),
            rejoin: false,
            ticket: 0,
            failures: 0,
            retry_at: None,
            heartbeat_sent: now,
            heartbeat_pending: false,
            heard: now,
            polled: now,
        }
    }

    pub(super) fn member_id(&self) -> &str {
        &self.member_id
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn owned(&self) -> &[TopicPartition] {
        &self.owned
    }

    pub(super) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    /// Asks to be let in and has not got its id yet: a static member is in the group by then, under the name of its instance.
    pub(super) fn joins_unnamed(&self) -> bool {
        self.phase == Phase::Joining && self.member_id.is_empty()
    }

    /// Not subscribed.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// A coordinator gave the member its id with `MEMBER_ID_REQUIRED`.
    pub(super) fn named(&mut self, member_id: String) {
        self.member_id = member_id;
    }

    /// The subscription is new or has changed, or an assignor wants a rebalance.
    pub(super) fn subscribed(&mut self, now: Instant) -> Vec<Action> {
        self.polled = now;
        self.rejoin = true;
        match self.phase {
            Phase::Idle | Phase::Left | Phase::Failed => self.seek(now),
            Phase::Stable => self.prepare(now),
            _ => Vec::new(),
        }
    }

    /// The program polled at `at`.
    pub(super) fn polled(&mut self, at: Instant, now: Instant) -> Vec<Action> {
        let news = at > self.polled;
        self.polled = self.polled.max(at);
        if self.phase == Phase::Left && news { self.seek(now) } else { Vec::new() }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let heartbeat = (self.beats() && !self.heartbeat_pending)
            .then(|| self.heartbeat_sent + self.settings.heartbeat_interval);
        let session = self.beats().then(|| self.heard + self.settings.session_timeout);
        let poll = self.watches_polls().then(|| self.polled + self.settings.max_poll_interval);
        [heartbeat, session, poll, self.retry_at].into_iter().flatten().min()
    }

    /// Whether heartbeats keep this member alive now. Not while a join or sync waits: the coordinator knows then.
    fn beats(&self) -> bool {
        self.generation >= 0 && matches!(self.phase, Phase::Stable | Phase::Preparing | Phase::Planning)
    }

    fn watches_polls(&self) -> bool {
        matches!(self.phase, Phase::Stable | Phase::Preparing)
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Action> {
        if self.watches_polls() && now >= self.polled + self.settings.max_poll_interval {
            return self.poll_timed_out();
        }
        if self.beats() && now >= self.heard + self.settings.session_timeout {
            self.heard = now;
            return self.seek(now);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            return match self.phase {
                Phase::Joining => self.join(),
                _ => self.find(),
            };
        }
        let due = now >= self.heartbeat_sent + self.settings.heartbeat_interval;
        if self.beats() && !self.heartbeat_pending && due {
            self.heartbeat_pending = true;
            self.heartbeat_sent = now;
            return vec![Action::Heartbeat];
        }
        Vec::new()
    }

    fn poll_timed_out(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.settings.is_static {
            actions.push(Action::Leave(self.member_id.clone()));
        }
        actions.extend(self.lose());
        self.phase = Phase::Left;
        actions
    }

    /// The program goes: what to tell the coordinator.
    pub(super) fn leave(&mut self) -> Vec<Action> {
        let goodbye = (!self.member_id.is_empty()).then(|| Action::Leave(self.member_id.clone()));
        self.phase = Phase::Idle;
        self.rejoin = false;
        self.retry_at = None;
        self.ticket += 1;
        self.owned.clear();
        self.revoking.clear();
        self.member_id.clear();
        self.generation = -1;
        goodbye.into_iter().collect()
    }

    fn seek(&mut self, _now: Instant) -> Vec<Action> {
        self.phase = Phase::Seeking;
        self.heartbeat_pending = false;
        self.find()
    }

    fn find(&mut self) -> Vec<Action> {
        self.ticket += 1;
        vec![Action::Find(self.ticket)]
    }

    fn join(&mut self) -> Vec<Action> {
        self.phase = Phase::Joining;
        self.rejoin = false;
        self.heartbeat_pending = false;
        self.ticket += 1;
        vec![Action::Join(self.ticket)]
    }

    fn retry(&mut self, now: Instant) -> Vec<Action> {
        self.failures += 1;
        self.retry_at = Some(now + self.settings.backoff.delay(self.failures));
        Vec::new()
    }

    /// The coordinator was found, or not.
    pub(super) fn found(&mut self, ticket: u64, answer: Answer<()>, now: Instant) -> Vec<Action> {
        if ticket != self.ticket || self.phase != Phase::Seeking {
            return Vec::new();
        }
        match answer {
            Answer::Refused(code) if !code.is_retriable() => self.fail(code),
            Answer::Refused(_) | Answer::Lost => self.retry(now),
            Answer::Done(()) => {
                self.failures = 0;
                self.heard = now;
                if !self.revoking.is_empty() {
                    self.phase = Phase::Preparing;
                    Vec::new()
                } else if self.generation >= 0 && !self.rejoin {
                    self.phase = Phase::Stable;
                    Vec::new()
                } else {
                    self.prepare(now)
                }
            }
        }
    }

    /// Before a join an eager member gives everything up; a cooperative one keeps what it has.
    fn prepare(&mut self, _now: Instant) -> Vec<Action> {
        if self.settings.protocol == RebalanceProtocol::Eager && !self.owned.is_empty() {
            return self.revoke(self.owned.clone());
        }
        self.join()
    }

    fn revoke(&mut self, partitions: Vec<TopicPartition>) -> Vec<Action> {
        self.phase = Phase::Preparing;
        self.revoking.clone_from(&partitions);
        vec![Action::Revoke(partitions)]
    }

    /// The program let go of what was revoked.
    pub(super) fn released(&mut self) -> Vec<Action> {
        let revoked = std::mem::take(&mut self.revoking);
        self.owned.retain(|partition| !revoked.contains(partition));
        if self.phase == Phase::Preparing { self.join() } else { Vec::new() }
    }

    /// Everything held is gone: another member may have it.
    fn lose(&mut self) -> Vec<Action> {
        self.generation = -1;
        self.member_id.clear();
        self.revoking.clear();
        self.ticket += 1;
        let owned = std::mem::take(&mut self.owned);
        if owned.is_empty() { Vec::new() } else { vec![Action::Lose(owned)] }
    }

    fn fail(&mut self, code: ErrorCode) -> Vec<Action> {
        let mut actions = self.lose();
        self.phase = Phase::Failed;
        actions.push(Action::Fail(code));
        actions
    }

    /// The answer to a join.
    pub(super) fn joined(&mut self, ticket: u64, answer: Answer<Joined>, now: Instant) -> Vec<Action> {
        if ticket != self.ticket || self.phase != Phase::Joining {
            return Vec::new();
        }
        match answer {
            Answer::Done(joined) => {
                self.failures = 0;
                self.member_id = joined.member_id;
                self.generation = joined.generation;
                (self.heard, self.heartbeat_sent) = (now, now);
                self.ticket += 1;
                if joined.leads {
                    self.phase = Phase::Planning;
                    return vec![Action::Plan(self.ticket)];
                }
                self.phase = Phase::Syncing;
                vec![Action::Sync(self.ticket)]
            }
            Answer::Refused(ErrorCode::MemberIdRequired) => self.join(),
            Answer::Refused(ErrorCode::RebalanceInProgress) => self.retry(now),
            other => self.setback(other, now),
        }
    }

    /// The leader has assigned.
    pub(super) fn planned(&mut self, ticket: u64) -> Vec<Action> {
        if ticket != self.ticket || self.phase != Phase::Planning {
            return Vec::new();
        }
        self.phase = Phase::Syncing;
        self.heartbeat_pending = false;
        vec![Action::Sync(self.ticket)]
    }

    /// The answer to a sync: what this member has from now on.
    pub(super) fn synced(
        &mut self,
        ticket: u64,
        answer: Answer<Vec<TopicPartition>>,
        now: Instant,
    ) -> Vec<Action> {
        if ticket != self.ticket || self.phase != Phase::Syncing {
            return Vec::new();
        }
        match answer {
            Answer::Done(partitions) => self.assigned(partitions, now),
            Answer::Refused(ErrorCode::RebalanceInProgress) => self.prepare(now),
            other => self.setback(other, now),
        }
    }

    fn assigned(&mut self, partitions: Vec<TopicPartition>, now: Instant) -> Vec<Action> {
        self.phase = Phase::Stable;
        (self.heard, self.heartbeat_sent) = (now, now);
        let taken: Vec<TopicPartition> =
            self.owned.iter().filter(|held| !partitions.contains(held)).cloned().collect();
        let added: Vec<TopicPartition> =
            partitions.iter().filter(|given| !self.owned.contains(given)).cloned().collect();
        self.owned.extend(added.iter().cloned());
        let mut actions = vec![Action::Assign(added)];
        if !taken.is_empty() {
            // Only a cooperative member still holds anything here: it lets go, then joins again so that others get it.
            actions.extend(self.revoke(taken));
        } else if self.rejoin {
            actions.extend(self.prepare(now));
        }
        actions
    }

    /// A join or sync that did not work.
    fn setback<T>(&mut self, answer: Answer<T>, now: Instant) -> Vec<Action> {
        match answer {
            Answer::Refused(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                let mut actions = self.lose();
                actions.extend(self.join());
                actions
            }
            Answer::Refused(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) => {
                self.look_again(now)
            }
            Answer::Refused(code) if !code.is_retriable() => self.fail(code),
            Answer::Refused(_) => {
                self.phase = Phase::Joining;
                self.retry(now)
            }
            Answer::Lost | Answer::Done(_) => self.look_again(now),
        }
    }

    fn look_again(&mut self, now: Instant) -> Vec<Action> {
        self.phase = Phase::Seeking;
        self.rejoin = true;
        self.ticket += 1;
        self.retry(now)
    }

    /// The answer to a heartbeat that was sent in `generation`.
    pub(super) fn heartbeat_answered(
        &mut self,
        generation: i32,
        answer: Answer<()>,
        now: Instant,
    ) -> Vec<Action> {
        self.heartbeat_pending = false;
        if generation != self.generation {
            return Vec::new();
        }
        match answer {
            Answer::Done(()) => self.heard = now,
            Answer::Refused(ErrorCode::RebalanceInProgress) => {
                self.heard = now;
                if self.phase == Phase::Stable {
                    return self.prepare(now);
                }
            }
            Answer::Refused(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                let mut actions = self.lose();
                actions.extend(self.join());
                return actions;
            }
            Answer::Refused(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
                if self.beats() =>
            {
                return self.seek(now);
            }
            Answer::Refused(code) if !code.is_retriable() => return self.fail(code),
            Answer::Refused(_) | Answer::Lost => {}
        }
        Vec::new()
    }
}
