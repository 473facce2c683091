//! SyncGroup.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::api::{RequestContext, text};
use crate::group::{GroupError, GroupId, InstanceId, MemberId, Sender, Sync, SyncAnswer};

/// Since this version a member says which protocol it takes part in (KIP-559).
const PROTOCOL_NAMED: i16 = 5;

pub(crate) async fn handle(context: &RequestContext, request: SyncGroupRequest) -> SyncGroupResponse {
    let group = GroupId::from(&**request.group_id);
    if group.as_str().is_empty() {
        return response(Err(GroupError::InvalidGroupId));
    }
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.version() >= PROTOCOL_NAMED && !names_protocol {
        return response(Err(GroupError::InconsistentGroupProtocol));
    }
    response(context.broker.groups.sync(&group, sync(request)).await)
}

fn sync(request: SyncGroupRequest) -> Sync {
    let sender = Sender {
        member_id: MemberId::from(&*request.member_id),
        instance_id: request.group_instance_id.as_deref().map(InstanceId::from),
        generation: request.generation_id,
    };
    // Copied out of the frame: a member keeps its assignment.
    let assignments = request
        .assignments
        .iter()
        .map(|of| (MemberId::from(&*of.member_id), Bytes::copy_from_slice(&of.assignment)))
        .collect();
    Sync {
        sender,
        protocol_type: request.protocol_type.as_deref().map(Arc::from),
        protocol_name: request.protocol_name.as_deref().map(Arc::from),
        assignments,
    }
}

fn response(answer: SyncAnswer) -> SyncGroupResponse {
    match answer {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(text))
            .with_protocol_name(synced.protocol_name.map(text))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::protocol::{Encodable, Message};

    use super::*;
    use crate::group::Synced;

    #[test]
    fn every_version_can_say_every_answer() {
        let synced = Synced {
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignment: Bytes::from_static(b"x"),
        };
        for version in SyncGroupResponse::VERSIONS.min..=SyncGroupResponse::VERSIONS.max {
            for answer in [Ok(synced.clone()), Err(GroupError::IllegalGeneration)] {
                response(answer).encode(&mut Vec::new(), version).unwrap();
            }
        }
    }
}
