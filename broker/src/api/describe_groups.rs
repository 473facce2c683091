//! DescribeGroups.

use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};

use crate::api::operations::{GROUP_OPERATIONS, if_asked};
use crate::api::{RequestContext, text};
use crate::group::{Description, GroupError, GroupId as GroupName, MemberDescription};

/// Since this version a group that is not there is an error; before, it is a dead one (KIP-1043).
const NOT_FOUND: i16 = 6;
/// The state of a group that is not there.
const DEAD: &str = "Dead";

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let operations = if_asked(request.include_authorized_operations, GROUP_OPERATIONS);
    let describe = |id: GroupId| {
        let result = context.broker.groups.describe(&GroupName::from(&**id));
        described(context.version(), id, result).with_authorized_operations(operations)
    };
    DescribeGroupsResponse::default().with_groups(request.groups.into_iter().map(describe).collect())
}

fn described(version: i16, id: GroupId, result: Result<Description, GroupError>) -> DescribedGroup {
    let group = DescribedGroup::default();
    match result {
        Ok(description) => group
            .with_group_id(id)
            .with_group_state(text(description.state))
            .with_protocol_type(description.protocol_type.map(text).unwrap_or_default())
            .with_protocol_data(description.protocol.map(text).unwrap_or_default())
            .with_members(description.members.into_iter().map(member).collect()),
        Err(GroupError::GroupIdNotFound) if version < NOT_FOUND => {
            group.with_group_id(id).with_group_state(text(DEAD))
        }
        Err(error @ GroupError::GroupIdNotFound) => group
            .with_error_code(error.code())
            .with_error_message(Some(text(format_args!("Group {} not found.", &**id))))
            .with_group_id(id)
            .with_group_state(text(DEAD)),
        Err(error) => group.with_error_code(error.code()).with_group_id(id),
    }
}

fn member(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(text(member.id))
        .with_group_instance_id(member.instance_id.map(text))
        .with_client_id(text(member.client_id))
        .with_client_host(text(member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::protocol::{Encodable, Message};

    use super::*;
    use crate::api::operations::NO_OPERATIONS;

    #[test]
    fn every_version_can_say_every_answer() {
        let member = MemberDescription {
            id: "m".into(),
            instance_id: Some("i".into()),
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            metadata: Bytes::from_static(b"x"),
            assignment: Bytes::from_static(b"x"),
        };
        let description = Description {
            state: "Stable",
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            members: vec![member],
        };
        for version in DescribeGroupsResponse::VERSIONS.min..=DescribeGroupsResponse::VERSIONS.max {
            for result in [Ok(description.clone()), Err(GroupError::GroupIdNotFound)] {
                let group =
                    described(version, GroupId(text("g")), result).with_authorized_operations(NO_OPERATIONS);
                let response = DescribeGroupsResponse::default().with_groups(vec![group]);
                response.encode(&mut Vec::new(), version).unwrap();
            }
        }
    }

    #[test]
    fn a_group_that_is_missing_is_dead_or_not_found() {
        let missing = |version| described(version, GroupId(text("g")), Err(GroupError::GroupIdNotFound));
        assert_eq!((missing(5).error_code, &*missing(5).group_state), (0, "Dead"));
        assert_eq!(missing(6).error_code, GroupError::GroupIdNotFound.code());
        assert_eq!(missing(6).error_message.as_deref(), Some("Group g not found."));
    }
}
