//! LeaveGroup: of one member, or since version 3 of several.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use crate::api::{NONE, RequestContext};
use crate::group::{GroupError, GroupId, InstanceId, Leaving, MemberId, reason};

/// Since this version several members leave at once (KIP-345).
const BATCHED: i16 = 3;

pub(crate) async fn handle(context: &RequestContext, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let group = GroupId::from(&**request.group_id);
    let is_batched = context.version() >= BATCHED;
    let members = match is_batched {
        true => request.members,
        false => vec![MemberIdentity::default().with_member_id(request.member_id)],
    };
    let leaving: Vec<_> = members.iter().map(leaving).collect();
    let result = match group.as_str() {
        "" => Err(GroupError::InvalidGroupId),
        _ => context.broker.groups.leave(&group, &leaving).await,
    };
    match result {
        Err(error) => LeaveGroupResponse::default().with_error_code(error.code()),
        Ok(results) if is_batched => {
            let responses = members.into_iter().zip(results).map(|(member, result)| response(member, result));
            LeaveGroupResponse::default().with_members(responses.collect())
        }
        Ok(results) => LeaveGroupResponse::default()
            .with_error_code(results.first().map_or(NONE, |result| code(*result))),
    }
}

fn leaving(member: &MemberIdentity) -> Leaving {
    Leaving {
        member_id: Some(&*member.member_id).filter(|id| !id.is_empty()).map(MemberId::from),
        instance_id: member.group_instance_id.as_deref().map(InstanceId::from),
        reason: member.reason.as_deref().map(reason),
    }
}

fn response(member: MemberIdentity, result: Result<(), GroupError>) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(member.member_id)
        .with_group_instance_id(member.group_instance_id)
        .with_error_code(code(result))
}

fn code(result: Result<(), GroupError>) -> i16 {
    result.err().map_or(NONE, GroupError::code)
}
