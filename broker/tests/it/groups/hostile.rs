//! Requests that no client of good will sends. Whatever comes, those who behave are served.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    ListGroupsRequest, OffsetFetchRequest, SyncGroupRequest,
};
use millstream_broker::Broker;

use super::member::{Member, group};
use super::{UNKNOWN_MEMBER_ID, start};
use crate::client::{Client, name, text};

const INVALID_GROUP_ID: i16 = 24;
const INVALID_SESSION_TIMEOUT: i16 = 26;
const GROUP_MAX_SIZE_REACHED: i16 = 81;

fn assert_serves(broker: &Broker) {
    let mut member = Member::with_id(broker);
    member.send_join();
    assert_eq!(member.joined().error_code, 0);
}

#[test]
fn a_storm_of_members_that_never_come_back() {
    let (broker, mut client) = start();
    let request = Member::new(&broker).join_request().with_session_timeout_ms(100);
    for _ in 0..5_000 {
        client.send(9, &request);
        client.receive::<JoinGroupRequest>(9);
    }
    assert_serves(&broker);
}

#[test]
fn members_too_heavy_for_the_memory_are_turned_away() {
    let (broker, mut client) = start();
    let heavy = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from(vec![0; 4 * 1024 * 1024]));
    let request = Member::new(&broker).join_request().with_protocols(vec![heavy]);
    // A place in the 32 MiB for each of them, their names apart.
    let waiting: Vec<_> = (1..8).map(|count| join_and_wait(&broker, &mut client, &request, count)).collect();
    let mut one_more = Client::connect(&broker);
    assert_eq!(one_more.call(3, &request).error_code, GROUP_MAX_SIZE_REACHED);
    drop(waiting);
    assert_eq!(client.call(4, &FindCoordinatorRequest::default()).error_code, 0);
}

/// Joins as the group's member number `count`. The answer waits for the others, who never join again.
fn join_and_wait(broker: &Broker, observer: &mut Client, request: &JoinGroupRequest, count: usize) -> Client {
    let mut client = Client::connect(broker);
    client.send(3, request);
    let describe = DescribeGroupsRequest::default().with_groups(vec![group()]);
    while observer.call(5, &describe).groups[0].members.len() < count {}
    client
}

#[test]
fn sessions_outside_the_bounds_are_refused() {
    let (broker, mut client) = start();
    for session in [i32::MIN, -1, 0, 99, 1_800_001, i32::MAX] {
        let request = Member::new(&broker).join_request().with_session_timeout_ms(session);
        assert_eq!(client.call(9, &request).error_code, INVALID_SESSION_TIMEOUT);
    }
    assert_serves(&broker);
}

#[test]
fn a_group_needs_a_name() {
    let (broker, mut client) = start();
    let nameless = GroupId(text(""));
    let join = Member::new(&broker).join_request().with_group_id(nameless.clone());
    assert_eq!(client.call(9, &join).error_code, INVALID_GROUP_ID);
    assert_eq!(client.call(5, &SyncGroupRequest::default()).error_code, INVALID_GROUP_ID);
    assert_eq!(client.call(4, &HeartbeatRequest::default()).error_code, INVALID_GROUP_ID);
}

#[test]
fn groups_that_are_only_named_are_not_made() {
    let (_broker, mut client) = start();
    for at in 0..2_000 {
        let stranger = GroupId(text(&format!("g{at}")));
        let request = HeartbeatRequest::default().with_group_id(stranger).with_member_id(text("x"));
        assert_eq!(client.call(4, &request).error_code, UNKNOWN_MEMBER_ID);
    }
    assert!(client.call(5, &ListGroupsRequest::default()).groups.is_empty());
}

#[test]
fn a_hundred_thousand_names_in_one_request() {
    let (broker, mut client) = start();
    let keys = (0..100_000).map(|at| text(&format!("g{at}"))).collect();
    let found = client.call(4, &FindCoordinatorRequest::default().with_coordinator_keys(keys));
    assert_eq!(found.coordinators.len(), 100_000);
    let topic = OffsetFetchRequestTopic::default()
        .with_name(name("topic"))
        .with_partition_indexes((0..100_000).collect());
    let request = OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]));
    assert_eq!(client.call(7, &request).topics[0].partitions.len(), 100_000);
    assert_serves(&broker);
}

#[test]
fn a_consumer_whose_subscription_is_noise_is_a_member_like_any_other() {
    let (broker, mut client) = start();
    let noise = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"\x00\x01\x7f\xff\xff\xff\x7f\xff"));
    let request = Member::new(&broker).join_request().with_protocols(vec![noise]);
    assert_eq!(client.call(3, &request).error_code, 0);
    assert_serves_another_group(&broker);
}

fn assert_serves_another_group(broker: &Broker) {
    let mut client = Client::connect(broker);
    let request = Member::new(broker).join_request().with_group_id(GroupId(text("another")));
    assert_eq!(client.call(3, &request).error_code, 0);
}
