//! A member as Kafka's clients behave: join, sync, heartbeat, commit; on every error what their protocol says.

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::group::classic::{Join, JoinAnswer, JoinedMember, Leaving, Protocol, Sender, Sync, SyncAnswer};
use crate::group::error::GroupError;
use crate::group::ids::{InstanceId, MemberId};
use crate::group::time::Millis;

pub(super) const SESSION_TIMEOUT: Millis = 10_000;
pub(super) const REBALANCE_TIMEOUT: Millis = 15_000;
const HEARTBEAT_INTERVAL: Millis = 3_000;
const RETRY_BACKOFF: Millis = 100;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Join(Join),
    Sync(Sync),
    Heartbeat(Sender),
    Leave(Leaving),
    Commit(Sender, i64),
}

#[derive(Clone, Debug)]
pub(super) enum Response {
    Join(JoinAnswer),
    Sync(SyncAnswer),
    Heartbeat(Result<(), GroupError>),
    Leave,
    Commit(Result<(), GroupError>),
    /// The connection broke.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Down,
    Joining,
    Syncing,
    Stable,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) instance_id: Option<InstanceId>,
    /// Speaks JoinGroup 9 rather than 3.
    is_modern: bool,
    pub(super) phase: Phase,
    pub(super) member_id: Option<MemberId>,
    pub(super) generation: i32,
    pub(super) assignment: String,
    /// The last JoinGroup or SyncGroup; answers to earlier ones come too late.
    pub(super) call: u64,
}

/// What a client does next: requests to send, and when to wake it.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) send: Vec<Request>,
    pub(super) wake_after: Option<Millis>,
}

impl Client {
    pub(super) fn new(at: usize, rng: &mut SmallRng) -> Self {
        let is_static = rng.random_bool(0.4);
        Self {
            name: format!("c{at}"),
            instance_id: is_static.then(|| format!("static{at}").as_str().into()),
            is_modern: rng.random_bool(0.7),
            phase: Phase::Down,
            member_id: None,
            generation: -1,
            assignment: String::new(),
            call: 0,
        }
    }

    /// What the leader's assignment calls this member: it survives a static member's change of id.
    pub(super) fn identity(&self) -> &str {
        let member_id = self.member_id.as_ref().map_or("", MemberId::as_str);
        self.instance_id.as_ref().map_or(member_id, InstanceId::as_str)
    }

    pub(super) fn start(&mut self) -> Steps {
        self.member_id = None;
        self.generation = -1;
        self.rejoin(0)
    }

    /// Gone without a word.
    pub(super) fn crash(&mut self) {
        self.phase = Phase::Down;
        self.call += 1;
    }

    pub(super) fn leave(&mut self) -> Steps {
        let leaving = Leaving {
            member_id: self.member_id.clone(),
            instance_id: self.instance_id.clone(),
            reason: None,
        };
        self.crash();
        Steps { send: vec![Request::Leave(leaving)], wake_after: None }
    }

    /// Its timer went off: it was silent for its interval, or an answer is overdue.
    pub(super) fn wake(&mut self, rng: &mut SmallRng, next_commit: i64) -> Steps {
        match self.phase {
            Phase::Down => Steps::default(),
            Phase::Joining | Phase::Syncing => self.rejoin(0),
            Phase::Stable => {
                let mut send = vec![Request::Heartbeat(self.sender())];
                if rng.random_bool(0.4) {
                    send.push(Request::Commit(self.sender(), next_commit));
                }
                Steps { send, wake_after: Some(HEARTBEAT_INTERVAL) }
            }
        }
    }

    /// An answer to the JoinGroup or SyncGroup that it waits for, or to a heartbeat or commit of its
    /// generation.
    pub(super) fn receive(&mut self, response: Response) -> Steps {
        match response {
            Response::Join(JoinAnswer::Joined(joined)) => {
                self.member_id = Some(joined.member_id.clone());
                self.generation = joined.generation;
                let leads = joined.leader.as_ref() == Some(&joined.member_id) && !joined.skip_assignment;
                self.sync(if leads { &joined.members } else { &[] })
            }
            Response::Join(JoinAnswer::Refused { error, member_id }) => self.refused(error, member_id),
            Response::Sync(Ok(synced)) => {
                self.phase = Phase::Stable;
                self.assignment = String::from_utf8_lossy(&synced.assignment).into_owned();
                Steps { send: Vec::new(), wake_after: Some(HEARTBEAT_INTERVAL) }
            }
            Response::Sync(Err(error)) => self.refused(error, None),
            Response::Heartbeat(Err(error)) | Response::Commit(Err(error)) => self.refused(error, None),
            Response::Lost => self.rejoin(RETRY_BACKOFF),
            Response::Heartbeat(Ok(())) | Response::Commit(Ok(())) | Response::Leave => Steps::default(),
        }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender {
            member_id: self.member_id.clone().unwrap_or_else(|| "".into()),
            instance_id: self.instance_id.clone(),
            generation: self.generation,
        }
    }

    fn refused(&mut self, error: GroupError, member_id: Option<MemberId>) -> Steps {
        match error {
            GroupError::MemberIdRequired => self.member_id = member_id,
            GroupError::UnknownMemberId | GroupError::IllegalGeneration => self.member_id = None,
            // Another process has its name; here that is its own former life.
            GroupError::FencedInstanceId => self.member_id = None,
            _ => {}
        }
        let backoff = if error == GroupError::MemberIdRequired { 0 } else { RETRY_BACKOFF };
        self.rejoin(backoff)
    }

    fn rejoin(&mut self, backoff: Millis) -> Steps {
        self.phase = Phase::Joining;
        self.call += 1;
        if backoff > 0 {
            return Steps { send: Vec::new(), wake_after: Some(backoff) };
        }
        let join = Join {
            member_id: self.member_id.clone(),
            fresh_id: "".into(),
            instance_id: self.instance_id.clone(),
            client_id: self.name.as_str().into(),
            client_host: "/127.0.0.1".into(),
            session_timeout: SESSION_TIMEOUT,
            rebalance_timeout: REBALANCE_TIMEOUT,
            protocol_type: "consumer".into(),
            protocols: vec![Protocol { name: "range".into(), metadata: self.name.clone().into() }],
            requires_known_id: self.is_modern,
            may_skip_assignment: self.is_modern,
            reason: None,
        };
        Steps { send: vec![Request::Join(join)], wake_after: Some(REBALANCE_TIMEOUT + 5_000) }
    }

    /// The leader assigns everyone "nonce|identity", so that the checker sees whose word reached whom.
    fn sync(&mut self, members: &[JoinedMember]) -> Steps {
        self.phase = Phase::Syncing;
        self.call += 1;
        let nonce = format!("{}.{}", self.name, self.call);
        let assign = |member: &JoinedMember| {
            let identity = member.instance_id.as_ref().map_or(member.id.as_str(), InstanceId::as_str);
            (member.id.clone(), format!("{nonce}|{identity}").into())
        };
        let sync = Sync {
            sender: self.sender(),
            protocol_type: None,
            protocol_name: None,
            assignments: members.iter().map(assign).collect(),
        };
        Steps { send: vec![Request::Sync(sync)], wake_after: Some(REBALANCE_TIMEOUT) }
    }
}
