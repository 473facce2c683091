//! Joining, sharing, leaving, dying.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use millstream_broker::{Broker, BrokerConfig};

use super::member::{Member, group};
use super::{ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID, start};
use crate::client::{Client, text};

const FENCED_INSTANCE_ID: i16 = 82;

/// Two members in a stable generation, the first of them its leader.
fn two(broker: &Broker) -> (Member, Member) {
    let mut first = Member::with_id(broker);
    first.join();
    let id = first.id.clone();
    first.sync(&[(&id, "all")]);
    let mut second = Member::with_id(broker);
    second.send_join();
    while first.heartbeat() == 0 {}
    let joined = first.join();
    assert_eq!((joined.generation_id, joined.members.len(), &joined.leader), (2, 2, &first.id));
    assert_eq!(second.joined().leader, first.id);
    second.send_sync(&[]);
    let (one, other) = (first.id.clone(), second.id.clone());
    assert_eq!(first.sync(&[(&one, "one"), (&other, "other")]).assignment, "one");
    assert_eq!(second.synced().assignment, "other");
    (first, second)
}

#[test]
fn two_members_share_and_the_one_that_survives_has_it_all() {
    let (broker, _client) = start();
    let (mut first, mut second) = two(&broker);
    first.session_timeout_ms = 500;
    first.send_join();
    while second.heartbeat() != REBALANCE_IN_PROGRESS {}
    second.join();
    first.joined();
    // The leader is killed.
    drop(first);
    while second.heartbeat() != REBALANCE_IN_PROGRESS {}
    let joined = second.join();
    assert_eq!((joined.generation_id, joined.members.len(), &joined.leader), (4, 1, &second.id));
    let id = second.id.clone();
    assert_eq!(second.sync(&[(&id, "all")]).assignment, "all");
    broker.close_blocking();
}

#[test]
fn a_member_that_leaves_makes_room_at_once() {
    let (broker, _client) = start();
    let (mut first, mut second) = two(&broker);
    assert_eq!(first.leave().members[0].error_code, 0);
    assert_eq!(second.heartbeat(), REBALANCE_IN_PROGRESS);
    assert_eq!(second.join().members.len(), 1);
    assert_eq!(first.heartbeat(), UNKNOWN_MEMBER_ID);
    second.generation -= 1;
    assert_eq!(second.heartbeat(), ILLEGAL_GENERATION);
    assert_eq!(second.sync(&[]).error_code, ILLEGAL_GENERATION);
}

#[test]
fn a_static_member_comes_back_unnoticed() {
    let (broker, _client) = start();
    let mut first = Member::named(&broker, "one");
    first.join();
    let id = first.id.clone();
    first.sync(&[(&id, "mine")]);
    let mut again = Member::named(&broker, "one");
    let joined = again.join();
    assert_eq!((joined.error_code, joined.generation_id, joined.skip_assignment), (0, 1, true));
    assert_ne!(again.id, first.id);
    assert_eq!(again.sync(&[]).assignment, "mine");
    assert_eq!(again.heartbeat(), 0);
    assert_eq!(first.heartbeat(), FENCED_INSTANCE_ID);
}

#[test]
fn an_operator_removes_several_members_at_once() {
    let (broker, mut client) = start();
    let mut member = Member::named(&broker, "one");
    member.join();
    let identity = |id: &str, instance: Option<&str>| {
        MemberIdentity::default().with_member_id(text(id)).with_group_instance_id(instance.map(text))
    };
    let leaving = vec![identity("", Some("one")), identity("", Some("two")), identity("x", None)];
    let request = LeaveGroupRequest::default().with_group_id(group()).with_members(leaving);
    let codes: Vec<_> = client.call(4, &request).members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [0, UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID]);
    assert_eq!(member.heartbeat(), UNKNOWN_MEMBER_ID);
}

#[test]
fn members_outlive_the_broker() {
    let directory = tempfile::tempdir().unwrap();
    let config = || {
        let config = BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
        config.set("group.initial.rebalance.delay.ms", "0").unwrap()
    };
    let broker = Broker::start_blocking(config()).unwrap();
    let mut member = Member::with_id(&broker);
    member.join();
    let id = member.id.clone();
    member.sync(&[(&id, "mine")]);
    // Not closed: it must not need that.
    drop(broker);
    let broker = loop {
        // The directory is free when the first one has ended.
        if let Ok(broker) = Broker::start_blocking(config()) {
            break broker;
        }
    };
    member.client = Client::connect(&broker);
    while member.heartbeat() != 0 {}
    assert_eq!(member.sync(&[]).assignment, "mine");
    broker.close_blocking();
}

#[test]
fn every_version_of_every_member_api_is_answered() {
    let (broker, mut client) = start();
    for version in 0..=9 {
        let member = Member::new(&broker);
        let request = member.join_request();
        let request = if version < 5 { request.with_group_instance_id(None) } else { request };
        let joined = client.call::<JoinGroupRequest>(version, &request);
        assert_eq!(joined.error_code, if version < 4 { 0 } else { 79 }, "version {version}");
        let leaves = LeaveGroupRequest::default().with_group_id(group());
        let leaves = if version < 3 {
            leaves.with_member_id(joined.member_id)
        } else {
            leaves.with_members(vec![MemberIdentity::default().with_member_id(joined.member_id)])
        };
        let left = client.call(version.min(5), &leaves);
        assert!(left.error_code == 0 && left.members.iter().all(|member| member.error_code == 0));
    }
    for version in 0..=5 {
        let request = SyncGroupRequest::default().with_group_id(group()).with_member_id(text("x"));
        let named = (version >= 5).then(|| text("consumer"));
        let request = request.with_protocol_type(named.clone()).with_protocol_name(named);
        assert_eq!(client.call(version, &request).error_code, UNKNOWN_MEMBER_ID);
    }
    for version in 0..=4 {
        let request = HeartbeatRequest::default().with_group_id(group()).with_member_id(text("x"));
        assert_eq!(client.call(version, &request).error_code, UNKNOWN_MEMBER_ID);
    }
}
