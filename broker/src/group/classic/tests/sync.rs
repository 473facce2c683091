//! From the leader's assignment to everyone's.

use super::Bench;
use crate::group::classic::{Joined, State};
use crate::group::error::GroupError;

fn two_joined() -> (Bench, Joined, Joined) {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    bench.pass(10_000);
    let (leader, follower) = (bench.joined(tickets[0]), bench.joined(tickets[1]));
    (bench, leader, follower)
}

#[test]
fn nobody_has_an_assignment_before_it_is_durable() {
    let (mut bench, leader, follower) = two_joined();
    let waits = bench.sync(&follower, &[]);
    let leads = bench.sync(&leader, &[(&leader.member_id, "a"), (&follower.member_id, "b")]);
    assert_eq!((bench.synced(waits), bench.synced(leads)), (None, None));
    assert_eq!(bench.group.state(), State::CompletingRebalance);
    let record = &bench.records[0].1;
    assert_eq!((record.generation, record.members[1].assignment.as_ref()), (1, &b"b"[..]));
    bench.store_all(Ok(()));
    assert_eq!((bench.synced(waits), bench.synced(leads)), (Some(Ok("b".into())), Some(Ok("a".into()))));
    let late = bench.sync(&follower, &[]);
    assert_eq!(bench.synced(late), Some(Ok("b".into())));
}

#[test]
fn an_assignment_that_cannot_be_stored_is_not_given_out() {
    let (mut bench, leader, follower) = two_joined();
    let waits = bench.sync(&follower, &[]);
    let leads = bench.sync(&leader, &[(&follower.member_id, "b")]);
    bench.store_all(Err(GroupError::NotCoordinator));
    assert_eq!(bench.synced(waits), Some(Err(GroupError::NotCoordinator)));
    assert_eq!(bench.synced(leads), Some(Err(GroupError::NotCoordinator)));
    assert!(matches!(bench.group.state(), State::PreparingRebalance(_)));
}

#[test]
fn a_rebalance_overtakes_an_assignment_on_its_way() {
    let (mut bench, leader, follower) = two_joined();
    let leads = bench.sync(&leader, &[(&follower.member_id, "b")]);
    let third = bench.join_dynamic();
    assert_eq!(bench.synced(leads), Some(Err(GroupError::RebalanceInProgress)));
    bench.store_all(Ok(()));
    assert!(matches!(bench.group.state(), State::PreparingRebalance(_)));
    for id in [&leader.member_id, &follower.member_id] {
        bench.join(Bench::request(Some(id)));
    }
    assert_eq!(bench.joined(third).generation, 2);
    assert_eq!(bench.sync(&leader, &[]).0, bench.sync(&leader, &[]).0 - 1);
}

#[test]
fn a_leader_that_repeats_itself_changes_nothing() {
    let (mut bench, leader, follower) = two_joined();
    let first = bench.sync(&leader, &[(&leader.member_id, "a"), (&follower.member_id, "b")]);
    let second = bench.sync(&leader, &[(&leader.member_id, "other"), (&follower.member_id, "other")]);
    assert_eq!(bench.synced(first), Some(Err(GroupError::RebalanceInProgress)));
    assert_eq!(bench.records.len(), 1);
    bench.store_all(Ok(()));
    assert_eq!(bench.synced(second), Some(Ok("a".into())));
}

#[test]
fn sync_is_for_members_of_the_generation() {
    let (mut bench, leader, _) = two_joined();
    let stranger = bench.sync(&Joined { member_id: "stranger".into(), ..leader.clone() }, &[]);
    assert_eq!(bench.synced(stranger), Some(Err(GroupError::UnknownMemberId)));
    let older = bench.sync(&Joined { generation: 0, ..leader }, &[]);
    assert_eq!(bench.synced(older), Some(Err(GroupError::IllegalGeneration)));
}

#[test]
fn a_member_that_the_leader_forgot_has_an_empty_assignment() {
    let (mut bench, leader, follower) = two_joined();
    let waits = bench.sync(&follower, &[]);
    bench.sync(&leader, &[(&"stranger".into(), "x")]);
    bench.store_all(Ok(()));
    assert_eq!(bench.synced(waits), Some(Ok("".into())));
}
