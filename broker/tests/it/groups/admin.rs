//! Finding, listing, describing and deleting groups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, ListGroupsRequest,
};

use super::member::{Member, group, subscription};
use super::start;
use crate::client::text;

const NON_EMPTY_GROUP: i16 = 68;
const GROUP_ID_NOT_FOUND: i16 = 69;
const INVALID_REQUEST: i16 = 42;

#[test]
fn this_broker_coordinates_every_group_in_every_version() {
    let (broker, mut client) = start();
    let port = i32::from(broker.address().port());
    for version in 0..=3 {
        let found = client.call(version, &FindCoordinatorRequest::default().with_key(text("group")));
        assert_eq!((found.error_code, found.port), (0, port), "version {version}");
    }
    for version in 4..=6 {
        let keys = vec![text("a"), text("b")];
        let found = client.call(version, &FindCoordinatorRequest::default().with_coordinator_keys(keys));
        assert!(found.coordinators.iter().all(|found| (found.error_code, found.port) == (0, port)));
        assert_eq!(&*found.coordinators[1].key, "b");
    }
}

#[test]
fn what_is_not_coordinated_here_is_said_at_once() {
    let (_broker, mut client) = start();
    let mut find = |key_type| {
        let request = FindCoordinatorRequest::default()
            .with_key_type(key_type)
            .with_coordinator_keys(vec![text("transactional")]);
        client.call(4, &request).coordinators.remove(0)
    };
    // librdkafka looks for a coordinator until its time-out, unless it is told this.
    let transactions = find(1);
    assert_eq!(transactions.error_code, ResponseError::TransactionalIdAuthorizationFailed.code());
    assert!(transactions.error_message.as_deref().is_some_and(|why| why.contains("transactions")));
    assert_eq!(find(2).error_code, INVALID_REQUEST);
    let request = FindCoordinatorRequest::default().with_key_type(1).with_key(text("transactional"));
    let found = client.call(3, &request);
    assert_eq!(found.error_code, ResponseError::TransactionalIdAuthorizationFailed.code());
}

#[test]
fn a_group_is_described_in_every_version() {
    let (broker, mut client) = start();
    let mut member = Member::named(&broker, "one");
    member.join();
    let id = member.id.clone();
    member.sync(&[(&id, "mine")]);
    for version in 0..=6 {
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![group(), GroupId(text("missing"))])
            .with_include_authorized_operations(version >= 3);
        let groups = client.call(version, &request).groups;
        assert_eq!((&*groups[0].group_state, &*groups[0].protocol_data), ("Stable", "range"));
        let described = &groups[0].members[0];
        assert_eq!(
            (&described.member_metadata, &described.member_assignment[..]),
            (&subscription(), &b"mine"[..])
        );
        assert_eq!((&*described.client_id, &*described.client_host), ("test", "/127.0.0.1"));
        assert_eq!(&*groups[1].group_state, "Dead");
        assert_eq!(groups[1].error_code, if version < 6 { 0 } else { GROUP_ID_NOT_FOUND });
    }
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let (broker, mut client) = start();
    assert_eq!(Member::new(&broker).commit(0, 1), 0);
    for version in 0..=5 {
        let groups = client.call(version, &ListGroupsRequest::default()).groups;
        assert_eq!((groups.len(), &groups[0].group_id), (1, &group()));
    }
    let mut count = |states: &[&str], types: &[&str]| {
        let request = ListGroupsRequest::default()
            .with_states_filter(states.iter().map(|state| text(state)).collect())
            .with_types_filter(types.iter().map(|kind| text(kind)).collect());
        client.call(5, &request).groups.len()
    };
    assert_eq!((count(&["empty"], &[]), count(&["Stable"], &[])), (1, 0));
    assert_eq!((count(&[], &["Classic"]), count(&[], &["consumer"])), (1, 0));
}

#[test]
fn groups_without_members_are_deleted() {
    let (broker, mut client) = start();
    let mut member = Member::with_id(&broker);
    member.join();
    for version in 0..=2 {
        let request =
            DeleteGroupsRequest::default().with_groups_names(vec![group(), GroupId(text("missing"))]);
        let codes: Vec<_> =
            client.call(version, &request).results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND]);
    }
    member.leave();
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    assert_eq!(client.call(2, &request).results[0].error_code, 0);
    assert!(client.call(5, &ListGroupsRequest::default()).groups.is_empty());
}
