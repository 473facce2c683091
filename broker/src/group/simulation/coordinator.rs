//! The shell around the group, reduced to what matters: a log of which a prefix is durable, tickets, a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::{Request, Response};
use crate::group::aggregate::Group;
use crate::group::classic::{Action, Actions, GroupRecord, StoreId, Ticket};
use crate::group::error::GroupError;
use crate::group::limits::GroupLimits;
use crate::group::offsets::{CommittedOffset, Offsets};
use crate::group::time::{Millis, Now};

/// A defect put into the shell to see the checker find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A record counts as durable when it is appended.
    AnswersEarly,
    /// A crash takes the last durable record along.
    LosesDurable,
    /// Deadlines pass unnoticed.
    NeverTicks,
}

#[derive(Clone, Debug)]
pub(super) enum Record {
    Group(GroupRecord),
    Offset(i64),
}

/// A request that waits: whose it is, which of its calls, since when.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) client: usize,
    pub(super) call: u64,
    pub(super) since: Millis,
    pub(super) request: Request,
}

/// What the coordinator lets out.
pub(super) enum Output {
    Answer(Box<Waiting>, Response),
    /// The record at this place of the log is on its way to the disk.
    Append(usize, Option<StoreId>),
}

pub(super) struct Coordinator {
    /// None: crashed.
    pub(super) group: Option<Group>,
    /// Counts restarts; what was under way for an earlier one is void.
    pub(super) incarnation: u64,
    pub(super) log: Vec<Record>,
    /// Records before this one survive a crash.
    pub(super) durable: usize,
    pub(super) waiting: BTreeMap<Ticket, Waiting>,
    /// Commits that wait for their record to be durable, by its place in the log.
    commits: BTreeMap<usize, Waiting>,
    last_ticket: u64,
    fault: Option<Fault>,
}

impl Coordinator {
    pub(super) fn new(fault: Option<Fault>, now: Now) -> Self {
        Self {
            group: Some(Group::new("group".into(), limits(), now)),
            incarnation: 0,
            log: Vec::new(),
            durable: 0,
            waiting: BTreeMap::new(),
            commits: BTreeMap::new(),
            last_ticket: 0,
            fault,
        }
    }

    pub(super) fn serve(&mut self, waiting: Waiting, now: Now) -> Vec<Output> {
        let Some(group) = &mut self.group else {
            return vec![Output::Answer(Box::new(waiting), Response::Lost)];
        };
        let mut actions = Actions::new();
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let mut answer = None;
        match waiting.request.clone() {
            Request::Join(mut join) => {
                join.fresh_id = format!("{}-{}", join.client_id, ticket.0).as_str().into();
                self.waiting.insert(ticket, waiting.clone());
                group.classic.join(join, ticket, now, &mut actions);
            }
            Request::Sync(sync) => {
                self.waiting.insert(ticket, waiting.clone());
                group.classic.sync(sync, ticket, now, &mut actions);
            }
            Request::Heartbeat(sender) => {
                answer = Some(Response::Heartbeat(group.classic.heartbeat(&sender, now)))
            }
            Request::Leave(leaving) => {
                let _ = group.classic.leave(&[leaving], now, &mut actions);
                answer = Some(Response::Leave);
            }
            Request::Commit(sender, value) => match group.classic.check_commit(&sender, now) {
                Ok(()) => return vec![self.commit(waiting, value)],
                Err(error) => answer = Some(Response::Commit(Err(error))),
            },
        }
        let mut outputs = self.carry_out(actions, now);
        outputs.extend(answer.map(|response| Output::Answer(Box::new(waiting), response)));
        outputs
    }

    fn commit(&mut self, waiting: Waiting, value: i64) -> Output {
        let at = self.log.len();
        self.log.push(Record::Offset(value));
        if let Some(group) = &mut self.group {
            group.offsets.put("topic", 0, committed(value, at));
        }
        self.commits.insert(at, waiting);
        Output::Append(at, None)
    }

    pub(super) fn tick(&mut self, now: Now) -> Vec<Output> {
        let mut actions = Actions::new();
        if let Some(group) = self.group.as_mut().filter(|_| self.fault != Some(Fault::NeverTicks)) {
            group.classic.tick(now, &mut actions);
        }
        self.carry_out(actions, now)
    }

    pub(super) fn wake_at(&self) -> Option<Millis> {
        let group = self.group.as_ref().filter(|_| self.fault != Some(Fault::NeverTicks))?;
        group.classic.wake_at()
    }

    /// The log is durable up to and with this record.
    pub(super) fn durable(&mut self, at: usize, store: Option<StoreId>, now: Now) -> Vec<Output> {
        self.durable = self.durable.max(at + 1);
        let mut actions = Actions::new();
        if let (Some(group), Some(store)) = (&mut self.group, store) {
            group.classic.stored(store, Ok(()), now, &mut actions);
        }
        let mut outputs = self.carry_out(actions, now);
        let later = self.commits.split_off(&(at + 1));
        for (_, waiting) in std::mem::replace(&mut self.commits, later) {
            outputs.push(Output::Answer(Box::new(waiting), Response::Commit(Ok(()))));
        }
        outputs
    }

    /// The disk refused a record: it is as if it had never been appended.
    pub(super) fn refuse(&mut self, store: StoreId, now: Now) -> Vec<Output> {
        let mut actions = Actions::new();
        if let Some(group) = &mut self.group {
            group.classic.stored(store, Err(GroupError::CoordinatorNotAvailable), now, &mut actions);
        }
        self.carry_out(actions, now)
    }

    /// Everything in memory is gone, and of the log all that was not durable, or some of it.
    pub(super) fn crash(&mut self, survivors: usize) -> Vec<Output> {
        self.group = None;
        self.incarnation += 1;
        self.log.truncate((self.durable + survivors).min(self.log.len()));
        if self.fault == Some(Fault::LosesDurable) {
            self.log.pop();
        }
        self.durable = self.log.len();
        let waiting = std::mem::take(&mut self.waiting).into_values();
        let commits = std::mem::take(&mut self.commits).into_values();
        waiting.chain(commits).map(|waiting| Output::Answer(Box::new(waiting), Response::Lost)).collect()
    }

    /// Reads the log back.
    pub(super) fn restart(&mut self, now: Now) -> &Group {
        let mut record = None;
        let mut offsets = Offsets::default();
        for (at, stored) in self.log.iter().enumerate() {
            match stored {
                Record::Group(group) => record = Some(group.clone()),
                Record::Offset(value) => offsets.put("topic", 0, committed(*value, at)),
            }
        }
        self.group.insert(Group::restored("group".into(), limits(), record, offsets, now))
    }

    fn carry_out(&mut self, actions: Actions, now: Now) -> Vec<Output> {
        let mut outputs = Vec::new();
        for action in actions {
            match action {
                Action::AnswerJoin(ticket, answer) => {
                    outputs.push(self.answer(ticket, Response::Join(answer)))
                }
                Action::AnswerSync(ticket, answer) => {
                    outputs.push(self.answer(ticket, Response::Sync(answer)))
                }
                Action::Store(id, record) => {
                    self.log.push(Record::Group(record));
                    outputs.push(Output::Append(self.log.len() - 1, Some(id)));
                    if self.fault == Some(Fault::AnswersEarly) {
                        outputs.extend(self.report_early(id, now));
                    }
                }
            }
        }
        outputs
    }

    fn report_early(&mut self, id: StoreId, now: Now) -> Vec<Output> {
        let mut actions = Actions::new();
        if let Some(group) = &mut self.group {
            group.classic.stored(id, Ok(()), now, &mut actions);
        }
        self.carry_out(actions, now)
    }

    fn answer(&mut self, ticket: Ticket, response: Response) -> Output {
        let waiting = self.waiting.remove(&ticket).expect("a ticket is answered once");
        Output::Answer(Box::new(waiting), response)
    }
}

fn limits() -> Arc<GroupLimits> {
    Arc::new(GroupLimits { initial_rebalance_delay: 1_000, ..GroupLimits::default() })
}

fn committed(value: i64, at: usize) -> CommittedOffset {
    CommittedOffset {
        offset: value,
        leader_epoch: -1,
        metadata: "".into(),
        committed_ms: 0,
        expires_ms: None,
        topic_id: None,
        stored_at: at as i64,
    }
}
