//! JoinGroup.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::api::{NONE, RequestContext, text};
use crate::group::{GroupError, GroupId, InstanceId, Join, JoinAnswer, Joined, MemberId, Protocol, reason};

/// Since this version there is a rebalance time-out beside the session's.
const REBALANCE_TIMEOUT: i16 = 1;
/// Since this version a member is given its id before it is let in (KIP-394).
const KNOWN_ID: i16 = 4;
/// Since this version a protocol's name may be null.
const NULLABLE_PROTOCOL: i16 = 7;
/// Since this version a returning leader can be told to leave the assignment alone (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;

pub(crate) async fn handle(context: &RequestContext, request: JoinGroupRequest) -> JoinGroupResponse {
    let group = GroupId::from(&**request.group_id);
    if group.as_str().is_empty() {
        let refused = JoinAnswer::Refused { error: GroupError::InvalidGroupId, member_id: None };
        return response(context.version(), refused);
    }
    let join = join(context, request);
    response(context.version(), context.broker.groups.join(&group, join).await)
}

fn join(context: &RequestContext, request: JoinGroupRequest) -> Join {
    let version = context.version();
    let instance_id = request.group_instance_id.as_deref().map(InstanceId::from);
    let rebalance_timeout =
        if version >= REBALANCE_TIMEOUT { request.rebalance_timeout_ms } else { request.session_timeout_ms };
    Join {
        member_id: Some(&*request.member_id).filter(|id| !id.is_empty()).map(MemberId::from),
        fresh_id: MemberId::fresh(context.client_id(), instance_id.as_ref()),
        instance_id,
        client_id: context.client_id().into(),
        // With the slash that Java prints: operators' tools know hosts in this form.
        client_host: format!("/{}", context.peer.remote.ip()).into(),
        session_timeout: millis(request.session_timeout_ms),
        rebalance_timeout: millis(rebalance_timeout),
        protocol_type: Arc::from(&*request.protocol_type),
        protocols: request.protocols.iter().map(protocol).collect(),
        requires_known_id: version >= KNOWN_ID,
        may_skip_assignment: version >= SKIP_ASSIGNMENT,
        reason: request.reason.as_deref().map(reason),
    }
}

/// A negative time is as good as none.
fn millis(ms: i32) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

/// Copied out of the frame, which would otherwise live as long as the member.
fn protocol(protocol: &JoinGroupRequestProtocol) -> Protocol {
    Protocol { name: Arc::from(&*protocol.name), metadata: Bytes::copy_from_slice(&protocol.metadata) }
}

fn response(version: i16, answer: JoinAnswer) -> JoinGroupResponse {
    let response = match answer {
        JoinAnswer::Joined(joined) => accepted(joined),
        JoinAnswer::Refused { error, member_id } => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name(None)
            .with_member_id(member_id.map(text).unwrap_or_default()),
    };
    match &response.protocol_name {
        None if version < NULLABLE_PROTOCOL => response.with_protocol_name(Some(StrBytes::default())),
        _ => response,
    }
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    let member = |member: crate::group::JoinedMember| {
        JoinGroupResponseMember::default()
            .with_member_id(text(member.id))
            .with_group_instance_id(member.instance_id.map(text))
            .with_metadata(member.metadata)
    };
    JoinGroupResponse::default()
        .with_error_code(NONE)
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(text))
        .with_protocol_name(joined.protocol_name.map(text))
        .with_leader(joined.leader.map(text).unwrap_or_default())
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(text(joined.member_id))
        .with_members(joined.members.into_iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::protocol::{Encodable, Message};

    use super::*;
    use crate::group::JoinedMember;

    #[test]
    fn every_version_can_say_every_answer() {
        let member = JoinedMember {
            id: "m".into(),
            instance_id: Some("i".into()),
            metadata: Bytes::from_static(b"x"),
        };
        let joined = Joined {
            generation: 1,
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            leader: Some("m".into()),
            member_id: "m".into(),
            skip_assignment: false,
            members: vec![member],
        };
        let refused =
            JoinAnswer::Refused { error: GroupError::MemberIdRequired, member_id: Some("m".into()) };
        for version in JoinGroupResponse::VERSIONS.min..=JoinGroupResponse::VERSIONS.max {
            for answer in [JoinAnswer::Joined(joined.clone()), refused.clone()] {
                response(version, answer).encode(&mut Vec::new(), version).unwrap();
            }
        }
    }
}
