//! The requests of the classic group protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Assignor;
use super::assignor::{Assignment, Members, Subscription};
use super::membership::{Answer, Joined};
use super::protocol::{encode_assignment, encode_subscription, read_assignment, read_subscription};
use crate::connection::Node;
use crate::consumer::coordinator::{Member, str_bytes};
use crate::consumer::shared::Shared;
use crate::{Error, ErrorCode, Result};

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";
/// A join is answered when the rebalance is over; the answer gets this much longer.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// From this version on a leave names its members in a list.
const LEAVE_LIST: i16 = 3;

/// A join's outcome in full.
#[derive(Debug)]
pub(super) struct JoinOutcome {
    pub(super) answer: Answer<Joined>,
    /// The id that the coordinator gave before it lets the member in.
    pub(super) named: Option<String>,
    /// The assignor that all members share.
    pub(super) assignor: Option<Arc<dyn Assignor>>,
    /// On the leader, everyone.
    pub(super) members: Members,
}

impl JoinOutcome {
    fn just(answer: Answer<Joined>) -> Self {
        Self { answer, named: None, assignor: None, members: Members::new() }
    }
}

/// What an error says about a request: a refusal, or no answer.
pub(super) fn answer<T>(result: Result<T>) -> Answer<T> {
    match result {
        Ok(done) => Answer::Done(done),
        Err(error) => match error.code() {
            Some(code) => Answer::Refused(code),
            None => {
                tracing::debug!(%error, "a group request got no answer");
                Answer::Lost
            }
        },
    }
}

pub(super) async fn join(
    shared: &Shared,
    node: &Node,
    member: &Member,
    subscription: &Subscription,
) -> JoinOutcome {
    match try_join(shared, node, member, subscription).await {
        Ok(outcome) => outcome,
        Err(error) => {
            note(shared, &error);
            JoinOutcome::just(answer(Err(error)))
        }
    }
}

async fn try_join(
    shared: &Shared,
    node: &Node,
    member: &Member,
    subscription: &Subscription,
) -> Result<JoinOutcome> {
    let config = &shared.config;
    let group = coordinator(shared)?;
    let mut protocols = Vec::new();
    for assignor in &config.assignors {
        let user_data = assignor.user_data(&subscription.topics, &subscription.owned);
        let metadata = encode_subscription(&Subscription { user_data, ..subscription.clone() })?;
        let protocol =
            JoinGroupRequestProtocol::default().with_name(str_bytes(assignor.name())).with_metadata(metadata);
        protocols.push(protocol);
    }
    let millis = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let request = JoinGroupRequest::default()
        .with_group_id(group.group_id())
        .with_session_timeout_ms(millis(config.session_timeout))
        .with_rebalance_timeout_ms(millis(config.max_poll_interval))
        .with_member_id(str_bytes(&member.id))
        .with_group_instance_id(member.instance_id.as_deref().map(str_bytes))
        .with_protocol_type(StrBytes::from_static_str(CONSUMER))
        .with_protocols(protocols);
    let link = node.link(&config.client, shared.cluster.runtime()).await?;
    let version = link.version::<JoinGroupRequest>(i16::MAX)?;
    let response = link.call_at(&request, version, config.max_poll_interval + JOIN_GRACE).await?;
    if let Some(code) = ErrorCode::try_from_code(response.error_code) {
        let named = (code == ErrorCode::MemberIdRequired).then(|| response.member_id.to_string());
        heed_code(shared, code);
        return Ok(JoinOutcome { named, ..JoinOutcome::just(Answer::Refused(code)) });
    }
    joined(config.assignors.as_slice(), response)
}

fn joined(assignors: &[Arc<dyn Assignor>], response: JoinGroupResponse) -> Result<JoinOutcome> {
    let chosen = response.protocol_name.as_ref().map(ToString::to_string).unwrap_or_default();
    let assignor = assignors.iter().find(|assignor| assignor.name() == chosen).cloned();
    let assignor = assignor.ok_or_else(|| {
        Error::Misuse(
            format!("the group chose the assignor {chosen:?}, which this member did not offer").into(),
        )
    })?;
    let mut members = Members::new();
    for member in response.members {
        let instance_id = member.group_instance_id.map(|id| id.to_string());
        members.insert(member.member_id.to_string(), read_subscription(member.metadata, instance_id)?);
    }
    let leads = response.leader == response.member_id && !response.skip_assignment;
    let member_id = response.member_id.to_string();
    let joined = Joined { member_id, generation: response.generation_id, leads };
    Ok(JoinOutcome { answer: Answer::Done(joined), named: None, assignor: Some(assignor), members })
}

pub(super) async fn sync(
    shared: &Shared,
    node: &Node,
    member: &Member,
    assignor: &str,
    plan: BTreeMap<String, Assignment>,
) -> Answer<Assignment> {
    let result = try_sync(shared, node, member, assignor, plan).await;
    answer(result.inspect_err(|error| note(shared, error)))
}

async fn try_sync(
    shared: &Shared,
    node: &Node,
    member: &Member,
    assignor: &str,
    plan: BTreeMap<String, Assignment>,
) -> Result<Assignment> {
    let mut assignments = Vec::with_capacity(plan.len());
    for (id, assignment) in plan {
        let bytes: Bytes = encode_assignment(&assignment)?;
        let id = StrBytes::from_string(id);
        assignments.push(SyncGroupRequestAssignment::default().with_member_id(id).with_assignment(bytes));
    }
    let request = SyncGroupRequest::default()
        .with_group_id(coordinator(shared)?.group_id())
        .with_generation_id(member.generation)
        .with_member_id(str_bytes(&member.id))
        .with_group_instance_id(member.instance_id.as_deref().map(str_bytes))
        .with_protocol_type(Some(StrBytes::from_static_str(CONSUMER)))
        .with_protocol_name(Some(str_bytes(assignor)))
        .with_assignments(assignments);
    let link = node.link(&shared.config.client, shared.cluster.runtime()).await?;
    let version = link.version::<SyncGroupRequest>(i16::MAX)?;
    let timeout = shared.config.max_poll_interval + JOIN_GRACE;
    let response = link.call_at(&request, version, timeout).await?;
    crate::error::check(response.error_code, || "SyncGroup".to_owned())?;
    read_assignment(response.assignment)
}

pub(super) async fn heartbeat(shared: &Shared, member: &Member) -> Answer<()> {
    let result = async {
        let group = coordinator(shared)?;
        let request = HeartbeatRequest::default()
            .with_group_id(group.group_id())
            .with_generation_id(member.generation)
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(str_bytes));
        let response = group.link(&shared.cluster).await?.call(&request).await?;
        crate::error::check(response.error_code, || "Heartbeat".to_owned())
    };
    answer(result.await.inspect_err(|error| note(shared, error)))
}

pub(super) async fn leave(shared: &Shared, member: &Member, reason: &'static str) -> Result<()> {
    let group = coordinator(shared)?;
    let link = group.link(&shared.cluster).await?;
    let version = link.version::<LeaveGroupRequest>(i16::MAX)?;
    let request = LeaveGroupRequest::default().with_group_id(group.group_id());
    let request = if version < LEAVE_LIST {
        request.with_member_id(str_bytes(&member.id))
    } else {
        let identity = MemberIdentity::default()
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(str_bytes))
            .with_reason((version >= 5).then(|| StrBytes::from_static_str(reason)));
        request.with_members(vec![identity])
    };
    let response = link.call_at(&request, version, shared.config.client.request_timeout).await?;
    crate::error::check(response.error_code, || "LeaveGroup".to_owned())
}

fn coordinator(shared: &Shared) -> Result<&crate::consumer::coordinator::Coordinator> {
    shared.coordinator.as_ref().ok_or_else(|| Error::Misuse("group.id is not set".into()))
}

fn note(shared: &Shared, error: &Error) {
    if let Some(coordinator) = &shared.coordinator {
        coordinator.heed(error);
    }
}

fn heed_code(shared: &Shared, code: ErrorCode) {
    note(shared, &Error::broker(code, "JoinGroup"));
}
