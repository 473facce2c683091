//! Heartbeat.

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::api::{NONE, RequestContext};
use crate::group::{GroupError, GroupId, InstanceId, MemberId, Sender};

pub(crate) async fn handle(context: &RequestContext, request: HeartbeatRequest) -> HeartbeatResponse {
    let group = GroupId::from(&**request.group_id);
    let sender = Sender {
        member_id: MemberId::from(&*request.member_id),
        instance_id: request.group_instance_id.as_deref().map(InstanceId::from),
        generation: request.generation_id,
    };
    let result = match group.as_str() {
        "" => Err(GroupError::InvalidGroupId),
        _ => context.broker.groups.heartbeat(&group, &sender),
    };
    HeartbeatResponse::default().with_error_code(result.err().map_or(NONE, GroupError::code))
}
