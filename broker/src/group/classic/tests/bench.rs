//! A group on a bench: requests go in, the answers that came out are looked at by ticket.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::group::classic::{
    Action, Actions, ClassicGroup, GroupRecord, Join, JoinAnswer, Joined, Leaving, Protocol, Sender, StoreId,
    Sync, SyncAnswer, Ticket,
};
use crate::group::error::GroupError;
use crate::group::ids::{InstanceId, MemberId};
use crate::group::limits::GroupLimits;
use crate::group::time::{Millis, Now};

pub(super) const SESSION_TIMEOUT: Millis = 10_000;
pub(super) const REBALANCE_TIMEOUT: Millis = 60_000;

pub(super) struct Bench {
    pub(super) group: ClassicGroup,
    pub(super) now: Millis,
    /// Records handed out, in order; none is durable before `store_all`.
    pub(super) records: Vec<(StoreId, GroupRecord)>,
    reported: usize,
    joins: HashMap<Ticket, JoinAnswer>,
    syncs: HashMap<Ticket, SyncAnswer>,
    last_ticket: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_limits(GroupLimits::default())
    }

    pub(super) fn with_limits(limits: GroupLimits) -> Self {
        let start = Now { ticks: 0, wall_ms: 1_000_000 };
        Self::of(ClassicGroup::new("group".into(), Arc::new(limits), start))
    }

    pub(super) fn of(group: ClassicGroup) -> Self {
        Self {
            now: 0,
            records: Vec::new(),
            reported: 0,
            joins: HashMap::new(),
            syncs: HashMap::new(),
            last_ticket: u64::from(group.generation() > 0) * 100,
            group,
        }
    }

    pub(super) fn time(&self) -> Now {
        Now { ticks: self.now, wall_ms: 1_000_000 + self.now as i64 }
    }

    /// A JoinGroup of version 9 from a dynamic member.
    pub(super) fn request(id: Option<&MemberId>) -> Join {
        Join {
            member_id: id.cloned(),
            fresh_id: "".into(),
            instance_id: None,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout: SESSION_TIMEOUT,
            rebalance_timeout: REBALANCE_TIMEOUT,
            protocol_type: "consumer".into(),
            protocols: protocols(&["range"]),
            requires_known_id: true,
            may_skip_assignment: true,
            reason: None,
        }
    }

    pub(super) fn static_request(instance: &str) -> Join {
        Join { instance_id: Some(instance.into()), ..Self::request(None) }
    }

    pub(super) fn join(&mut self, mut join: Join) -> Ticket {
        let ticket = self.ticket();
        join.fresh_id = format!("m{}", ticket.0).as_str().into();
        self.run(|group, now, out| group.join(join, ticket, now, out));
        ticket
    }

    pub(super) fn sync(&mut self, joined: &Joined, assignments: &[(&MemberId, &str)]) -> Ticket {
        let ticket = self.ticket();
        let assignments =
            assignments.iter().map(|(id, bytes)| ((*id).clone(), bytes.to_string().into())).collect();
        let sync = Sync { sender: sender(joined), protocol_type: None, protocol_name: None, assignments };
        self.run(|group, now, out| group.sync(sync, ticket, now, out));
        ticket
    }

    pub(super) fn leave(&mut self, id: Option<&MemberId>, instance: Option<&str>) -> Result<(), GroupError> {
        let leaving =
            Leaving { member_id: id.cloned(), instance_id: instance.map(InstanceId::from), reason: None };
        let mut out = Actions::new();
        let results = self.group.leave(&[leaving], self.time(), &mut out).unwrap();
        self.collect(out);
        results[0]
    }

    pub(super) fn heartbeat(&mut self, joined: &Joined) -> Result<(), GroupError> {
        self.group.heartbeat(&sender(joined), self.time())
    }

    /// Time passes, and every deadline on the way is kept.
    pub(super) fn pass(&mut self, millis: Millis) {
        let until = self.now + millis;
        while let Some(at) = self.group.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.run(|group, now, out| group.tick(now, out));
            assert!(self.group.wake_at().is_none_or(|next| next > self.now), "a tick leaves nothing undone");
        }
        self.now = until;
    }

    /// Everything handed out so far is durable, or fails.
    pub(super) fn store_all(&mut self, fate: Result<(), GroupError>) {
        while self.reported < self.records.len() {
            let id = self.records[self.reported].0;
            self.reported += 1;
            self.run(|group, now, out| group.stored(id, fate, now, out));
        }
    }

    pub(super) fn join_answer(&self, ticket: Ticket) -> Option<&JoinAnswer> {
        self.joins.get(&ticket)
    }

    pub(super) fn joined(&self, ticket: Ticket) -> Joined {
        match self.join_answer(ticket) {
            Some(JoinAnswer::Joined(joined)) => joined.clone(),
            other => panic!("not joined: {other:?}"),
        }
    }

    pub(super) fn refused(&self, ticket: Ticket) -> (GroupError, Option<MemberId>) {
        match self.join_answer(ticket) {
            Some(JoinAnswer::Refused { error, member_id }) => (*error, member_id.clone()),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(super) fn synced(&self, ticket: Ticket) -> Option<Result<Bytes, GroupError>> {
        self.syncs.get(&ticket).map(|answer| answer.clone().map(|synced| synced.assignment))
    }

    /// A dynamic member asks for its id and comes back with it.
    pub(super) fn join_dynamic(&mut self) -> Ticket {
        let asked = self.join(Self::request(None));
        let (error, id) = self.refused(asked);
        assert_eq!(error, GroupError::MemberIdRequired);
        self.join(Self::request(id.as_ref()))
    }

    /// A group of these members, stable, the first of them its leader; each was assigned its own id.
    pub(super) fn stable(&mut self, tickets: &[Ticket]) -> Vec<Joined> {
        self.pass(10_000);
        let joined: Vec<_> = tickets.iter().map(|ticket| self.joined(*ticket)).collect();
        self.stabilise(&joined);
        joined
    }

    pub(super) fn stabilise(&mut self, joined: &[Joined]) {
        let leader = joined.iter().find(|member| member.leader.as_ref() == Some(&member.member_id)).unwrap();
        let assignments: Vec<_> =
            joined.iter().map(|member| (&member.member_id, member.member_id.as_str())).collect();
        self.sync(leader, &assignments);
        for member in joined.iter().filter(|member| member.member_id != leader.member_id) {
            self.sync(member, &[]);
        }
        self.store_all(Ok(()));
        assert_eq!(self.group.state().name(), "Stable");
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn run(&mut self, event: impl FnOnce(&mut ClassicGroup, Now, &mut Actions)) {
        let mut out = Actions::new();
        let now = self.time();
        event(&mut self.group, now, &mut out);
        self.collect(out);
    }

    fn collect(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::AnswerJoin(ticket, answer) => {
                    assert!(self.joins.insert(ticket, answer).is_none(), "a ticket is answered once");
                }
                Action::AnswerSync(ticket, answer) => {
                    assert!(self.syncs.insert(ticket, answer).is_none(), "a ticket is answered once");
                }
                Action::Store(id, record) => self.records.push((id, record)),
            }
        }
    }
}

pub(super) fn sender(joined: &Joined) -> Sender {
    Sender { member_id: joined.member_id.clone(), instance_id: None, generation: joined.generation }
}

/// Protocols whose metadata is their own name.
pub(super) fn protocols(names: &[&str]) -> Vec<Protocol> {
    let protocol = |name: &&str| Protocol { name: (*name).into(), metadata: name.to_string().into() };
    names.iter().map(protocol).collect()
}
