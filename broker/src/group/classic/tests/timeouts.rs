//! What happens to members that are not heard of.

use super::{Bench, REBALANCE_TIMEOUT, SESSION_TIMEOUT};
use crate::group::classic::{Join, State};
use crate::group::error::GroupError;
use crate::group::limits::NEW_MEMBER_JOIN_TIMEOUT;

#[test]
fn a_member_without_heartbeats_is_dropped_and_the_other_rebalanced() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    for _ in 0..3 {
        bench.pass(SESSION_TIMEOUT / 2);
        let alive = bench.heartbeat(&joined[1]);
        assert!(alive == Ok(()) || alive == Err(GroupError::RebalanceInProgress));
    }
    let again = bench.join(Bench::request(Some(&joined[1].member_id)));
    let again = bench.joined(again);
    assert_eq!((again.generation, again.members.len()), (2, 1));
    assert_eq!(bench.heartbeat(&joined[0]), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_member_that_waits_for_us_need_not_heartbeat() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    let waits = bench.join(Bench::request(Some(&joined[0].member_id)));
    for _ in 0..11 {
        bench.pass(SESSION_TIMEOUT / 2);
        assert_eq!(bench.heartbeat(&joined[1]), Err(GroupError::RebalanceInProgress));
    }
    assert_eq!(bench.join_answer(waits), None, "the other heartbeats and does not join");
    bench.pass(REBALANCE_TIMEOUT - 11 * SESSION_TIMEOUT / 2);
    assert_eq!(bench.joined(waits).members.len(), 1, "only its rebalance time-out ends that");
}

#[test]
fn a_new_member_whose_client_is_gone_is_dropped() {
    let mut bench = Bench::new();
    let patient = |mut join: Join| {
        join.rebalance_timeout = 2 * NEW_MEMBER_JOIN_TIMEOUT;
        join.requires_known_id = false;
        join
    };
    let first = bench.join(patient(Bench::request(None)));
    let first = bench.stable(&[first]).remove(0);
    let second = bench.join(patient(Bench::request(None)));
    for _ in 0..NEW_MEMBER_JOIN_TIMEOUT / 5_000 {
        assert_eq!(bench.join_answer(second), None);
        bench.pass(5_000);
        assert_eq!(bench.heartbeat(&first), Err(GroupError::RebalanceInProgress));
    }
    assert_eq!(bench.refused(second).0, GroupError::UnknownMemberId);
}

#[test]
fn members_that_never_fetch_their_assignment_are_dropped() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    bench.pass(10_000);
    let joined: Vec<_> = tickets.iter().map(|ticket| bench.joined(*ticket)).collect();
    bench.sync(&joined[0], &[]);
    bench.store_all(Ok(()));
    for _ in 0..REBALANCE_TIMEOUT / 5_000 {
        assert_eq!(bench.group.state(), State::Stable);
        bench.pass(5_000);
        for member in &joined {
            let _ = bench.heartbeat(member);
        }
    }
    assert_eq!(bench.heartbeat(&joined[0]), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.heartbeat(&joined[1]), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_silent_leader_gives_way() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    bench.pass(10_000);
    let follower = bench.joined(tickets[1]);
    let waits = bench.sync(&follower, &[]);
    bench.pass(SESSION_TIMEOUT);
    assert_eq!(bench.synced(waits), Some(Err(GroupError::RebalanceInProgress)));
    let again = bench.join(Bench::request(Some(&follower.member_id)));
    assert_eq!(bench.joined(again).leader, Some(follower.member_id));
}

#[test]
fn a_group_that_everyone_left_sleeps() {
    let mut bench = Bench::new();
    let only = bench.join_dynamic();
    bench.stable(&[only]);
    bench.pass(SESSION_TIMEOUT);
    assert_eq!(bench.group.state(), State::Empty);
    bench.pass(1_000_000);
    assert_eq!(bench.group.wake_at(), None);
}
