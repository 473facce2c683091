//! Static members (KIP-345, KIP-814).

use super::bench::{protocols, sender};
use super::{Bench, REBALANCE_TIMEOUT, SESSION_TIMEOUT};
use crate::group::classic::{ClassicGroup, Join, Joined, State};
use crate::group::error::GroupError;

fn two_stable() -> (Bench, Joined, Joined) {
    let mut bench = Bench::new();
    let tickets = [bench.join(Bench::static_request("one")), bench.join(Bench::static_request("two"))];
    let mut joined = bench.stable(&tickets).into_iter();
    let (leader, follower) = (joined.next().unwrap(), joined.next().unwrap());
    (bench, leader, follower)
}

#[test]
fn a_follower_comes_back_without_a_rebalance() {
    let (mut bench, leader, follower) = two_stable();
    let back = bench.join(Bench::static_request("two"));
    assert_eq!(bench.join_answer(back), None, "its new id is not durable yet");
    bench.store_all(Ok(()));
    let back = bench.joined(back);
    assert_eq!((back.generation, back.skip_assignment, &back.leader), (1, false, &leader.leader));
    assert_ne!(back.member_id, follower.member_id);
    let synced = bench.sync(&back, &[]);
    assert_eq!(bench.synced(synced), Some(Ok(follower.member_id.as_str().to_owned().into())));
    assert_eq!(bench.group.state(), State::Stable);
}

#[test]
fn a_leader_comes_back_and_leaves_the_assignment_alone() {
    let (mut bench, _, _) = two_stable();
    let back = bench.join(Bench::static_request("one"));
    bench.store_all(Ok(()));
    let back = bench.joined(back);
    assert_eq!((back.leader.as_ref(), back.skip_assignment), (Some(&back.member_id), true));
    assert_eq!(back.members.len(), 2, "it watches the members' topics again");
}

#[test]
fn a_leader_before_version_9_is_not_told_that_it_leads() {
    let (mut bench, leader, _) = two_stable();
    let back = bench.join(Join { may_skip_assignment: false, ..Bench::static_request("one") });
    bench.store_all(Ok(()));
    let back = bench.joined(back);
    assert_eq!((back.leader, back.skip_assignment, back.members.len()), (leader.leader, false, 0));
}

#[test]
fn whoever_still_uses_the_old_id_is_fenced() {
    let (mut bench, _, follower) = two_stable();
    bench.join(Bench::static_request("two"));
    let mut sender = sender(&follower);
    assert_eq!(bench.group.heartbeat(&sender, bench.time()), Err(GroupError::UnknownMemberId));
    sender.instance_id = Some("two".into());
    assert_eq!(bench.group.heartbeat(&sender, bench.time()), Err(GroupError::FencedInstanceId));
    let known = Join { member_id: Some(follower.member_id), ..Bench::static_request("two") };
    let joins = bench.join(known);
    assert_eq!(bench.refused(joins).0, GroupError::FencedInstanceId);
}

#[test]
fn one_that_waits_under_the_name_is_fenced() {
    let mut bench = Bench::new();
    let first = bench.join(Bench::static_request("one"));
    let second = bench.join(Bench::static_request("one"));
    assert_eq!(bench.refused(first).0, GroupError::FencedInstanceId);
    bench.pass(10_000);
    assert_eq!(bench.joined(second).members.len(), 1);
}

#[test]
fn a_return_that_changes_the_protocol_rebalances() {
    let mut bench = Bench::new();
    let ticket = bench.join(Bench::static_request("one"));
    bench.stable(&[ticket]);
    let back =
        bench.join(Join { protocols: protocols(&["sticky", "range"]), ..Bench::static_request("one") });
    let back = bench.joined(back);
    assert_eq!((back.generation, back.protocol_name.as_deref()), (2, Some("sticky")));
}

#[test]
fn a_return_while_the_assignment_is_awaited_rebalances() {
    let mut bench = Bench::new();
    let tickets = [bench.join(Bench::static_request("one")), bench.join(Bench::static_request("two"))];
    bench.pass(10_000);
    let leader = bench.joined(tickets[0]);
    let waits = bench.sync(&leader, &[(&leader.member_id, "a")]);
    let back = bench.join(Bench::static_request("two"));
    assert_eq!(bench.synced(waits), Some(Err(GroupError::RebalanceInProgress)));
    bench.store_all(Ok(()));
    let known = Join { member_id: Some(leader.member_id), ..Bench::static_request("one") };
    bench.join(known);
    assert_eq!(bench.joined(back).generation, 2);
}

#[test]
fn a_static_member_that_is_away_stays_in_the_next_generation() {
    let (mut bench, leader, _) = two_stable();
    bench.join(Join { requires_known_id: false, ..Bench::request(None) });
    let known = Join {
        member_id: Some(leader.member_id),
        session_timeout: 10 * REBALANCE_TIMEOUT,
        ..Bench::static_request("one")
    };
    let again = bench.join(known);
    bench.pass(SESSION_TIMEOUT - 1);
    assert_eq!(bench.join_answer(again), None, "the rebalance waits for it until its session ends");
    bench.pass(1);
    assert_eq!(bench.joined(again).members.len(), 2);
}

#[test]
fn a_leader_that_is_away_gives_way_and_keeps_its_place() {
    let mut bench = Bench::new();
    let patient = |name| Join { session_timeout: 10 * REBALANCE_TIMEOUT, ..Bench::static_request(name) };
    let tickets = [bench.join(patient("one")), bench.join(patient("two"))];
    let joined = bench.stable(&tickets);
    bench.join(Join { requires_known_id: false, ..Bench::request(None) });
    let again = bench.join(Join { member_id: Some(joined[1].member_id.clone()), ..patient("two") });
    bench.pass(REBALANCE_TIMEOUT);
    let again = bench.joined(again);
    assert_eq!(again.members.len(), 3, "a static member is assigned while it is away");
    assert_ne!(again.leader.as_ref(), Some(&joined[0].member_id));
}

#[test]
fn a_generation_that_passed_while_the_new_id_was_stored_is_not_given_out() {
    let mut bench = Bench::new();
    let patient = |name| Join { session_timeout: 10 * REBALANCE_TIMEOUT, ..Bench::static_request(name) };
    let tickets = [bench.join(patient("one")), bench.join(patient("two"))];
    let joined = bench.stable(&tickets);
    let back = bench.join(patient("two"));
    bench.join(Join { member_id: Some(joined[0].member_id.clone()), ..patient("one") });
    bench.pass(REBALANCE_TIMEOUT);
    assert_eq!(bench.group.generation(), 2);
    bench.store_all(Ok(()));
    assert_eq!(bench.refused(back).0, GroupError::RebalanceInProgress);
}

#[test]
fn a_name_that_cannot_be_stored_is_refused() {
    let (mut bench, _, _) = two_stable();
    let back = bench.join(Bench::static_request("two"));
    bench.store_all(Err(GroupError::NotCoordinator));
    assert_eq!(bench.refused(back), (GroupError::NotCoordinator, None));
}

#[test]
fn a_restart_of_the_coordinator_keeps_everyone_in_place() {
    let (bench, leader, follower) = two_stable();
    let record = bench.records.last().unwrap().1.clone();
    let limits = bench.group.limits.clone();
    let mut bench = Bench::of(ClassicGroup::restored("group".into(), limits, record, bench.time()));
    assert_eq!(bench.heartbeat(&leader), Ok(()));
    let synced = bench.sync(&follower, &[]);
    assert_eq!(bench.synced(synced), Some(Ok(follower.member_id.as_str().to_owned().into())));
    bench.join(Bench::static_request("one"));
    assert_eq!(bench.group.state(), State::Stable, "names are known again");
    bench.pass(SESSION_TIMEOUT);
    assert_eq!(bench.group.state(), State::Empty);
}

#[test]
fn members_that_a_restart_finds_must_be_heard_of() {
    let (bench, _, _) = two_stable();
    let record = bench.records.last().unwrap().1.clone();
    let limits = bench.group.limits.clone();
    let mut bench = Bench::of(ClassicGroup::restored("group".into(), limits, record, bench.time()));
    bench.pass(bench.time().ticks + 2 * SESSION_TIMEOUT);
    assert_eq!(bench.group.state(), State::Empty);
}
