//! A member of a group on its own connection.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    OffsetCommitRequest, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use millstream_broker::Broker;

use crate::client::{Client, name, text};

const JOIN: i16 = 9;
const MEMBER_ID_REQUIRED: i16 = 79;

pub(super) struct Member {
    pub(super) client: Client,
    pub(super) id: StrBytes,
    pub(super) instance_id: Option<StrBytes>,
    pub(super) generation: i32,
    pub(super) session_timeout_ms: i32,
}

pub(super) fn group() -> GroupId {
    GroupId(text("group"))
}

impl Member {
    pub(super) fn new(broker: &Broker) -> Self {
        Self {
            client: Client::connect(broker),
            id: text(""),
            instance_id: None,
            generation: -1,
            session_timeout_ms: 10_000,
        }
    }

    /// A member with an id, which joins next.
    pub(super) fn with_id(broker: &Broker) -> Self {
        let mut member = Self::new(broker);
        let response = member.join();
        assert_eq!(response.error_code, MEMBER_ID_REQUIRED);
        member.id = response.member_id;
        member
    }

    pub(super) fn named(broker: &Broker, instance_id: &str) -> Self {
        Self { instance_id: Some(text(instance_id)), ..Self::new(broker) }
    }

    pub(super) fn join_request(&self) -> JoinGroupRequest {
        let protocol =
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(subscription());
        JoinGroupRequest::default()
            .with_group_id(group())
            .with_session_timeout_ms(self.session_timeout_ms)
            .with_rebalance_timeout_ms(10_000)
            .with_member_id(self.id.clone())
            .with_group_instance_id(self.instance_id.clone())
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
    }

    /// Sends the request; others may have to join before it is answered.
    pub(super) fn send_join(&mut self) {
        let request = self.join_request();
        self.client.send(JOIN, &request);
    }

    pub(super) fn joined(&mut self) -> JoinGroupResponse {
        let response = self.client.receive::<JoinGroupRequest>(JOIN);
        if response.error_code == 0 {
            self.id = response.member_id.clone();
            self.generation = response.generation_id;
        }
        response
    }

    pub(super) fn join(&mut self) -> JoinGroupResponse {
        self.send_join();
        self.joined()
    }

    pub(super) fn sync_request(&self, assignments: &[(&StrBytes, &'static str)]) -> SyncGroupRequest {
        let assignment = |(id, assignment): &(&StrBytes, &'static str)| {
            SyncGroupRequestAssignment::default()
                .with_member_id((*id).clone())
                .with_assignment(Bytes::from_static(assignment.as_bytes()))
        };
        SyncGroupRequest::default()
            .with_group_id(group())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_group_instance_id(self.instance_id.clone())
            .with_assignments(assignments.iter().map(assignment).collect())
    }

    pub(super) fn send_sync(&mut self, assignments: &[(&StrBytes, &'static str)]) {
        let request = self.sync_request(assignments);
        self.client.send(3, &request);
    }

    pub(super) fn synced(&mut self) -> SyncGroupResponse {
        self.client.receive::<SyncGroupRequest>(3)
    }

    pub(super) fn sync(&mut self, assignments: &[(&StrBytes, &'static str)]) -> SyncGroupResponse {
        self.send_sync(assignments);
        self.synced()
    }

    /// The error code of a heartbeat.
    pub(super) fn heartbeat(&mut self) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_group_instance_id(self.instance_id.clone());
        self.client.call(4, &request).error_code
    }

    pub(super) fn leave(&mut self) -> LeaveGroupResponse {
        let identity = MemberIdentity::default()
            .with_member_id(self.id.clone())
            .with_group_instance_id(self.instance_id.clone())
            .with_reason(Some(text("the test is over")));
        let request = LeaveGroupRequest::default().with_group_id(group()).with_members(vec![identity]);
        self.client.call(5, &request)
    }

    pub(super) fn commit_request(&self, partition: i32, offset: i64) -> OffsetCommitRequest {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("note")));
        let topic =
            OffsetCommitRequestTopic::default().with_name(name("topic")).with_partitions(vec![partition]);
        OffsetCommitRequest::default()
            .with_group_id(group())
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.id.clone())
            .with_topics(vec![topic])
    }

    /// The error code of a commit.
    pub(super) fn commit(&mut self, partition: i32, offset: i64) -> i16 {
        let request = self.commit_request(partition, offset);
        self.client.call(9, &request).topics[0].partitions[0].error_code
    }
}

/// `ConsumerProtocolSubscription` version 0 of one topic, "topic", without user data.
pub(super) fn subscription() -> Bytes {
    Bytes::from_static(b"\x00\x00\x00\x00\x00\x01\x00\x05topic\xff\xff\xff\xff")
}
