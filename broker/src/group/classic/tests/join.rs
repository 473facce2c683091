//! Joining: ids, the initial delay, the choice of protocol, joining again.

use super::bench::protocols;
use super::{Bench, SESSION_TIMEOUT};
use crate::group::classic::{Join, State};
use crate::group::error::GroupError;
use crate::group::limits::GroupLimits;

#[test]
fn a_dynamic_member_is_given_its_id_before_it_is_let_in() {
    let mut bench = Bench::new();
    let ticket = bench.join(Bench::request(None));
    assert_eq!(bench.refused(ticket), (GroupError::MemberIdRequired, Some("m1".into())));
    assert_eq!(bench.group.state(), State::Empty);
}

#[test]
fn before_version_4_a_member_is_let_in_at_once() {
    let mut bench = Bench::new();
    let ticket = bench.join(Join { requires_known_id: false, ..Bench::request(None) });
    bench.pass(3_000);
    assert_eq!(bench.joined(ticket).generation, 1);
}

#[test]
fn an_id_that_was_never_given_out_is_unknown() {
    let mut bench = Bench::new();
    let ticket = bench.join(Bench::request(Some(&"made up".into())));
    assert_eq!(bench.refused(ticket), (GroupError::UnknownMemberId, Some("made up".into())));
}

#[test]
fn the_initial_delay_gathers_members_that_start_together() {
    let mut bench = Bench::new();
    let first = bench.join_dynamic();
    bench.pass(2_000);
    let second = bench.join_dynamic();
    bench.pass(1_000);
    assert_eq!(bench.join_answer(first), None, "a member came: the delay is extended");
    bench.pass(3_000);
    let (first, second) = (bench.joined(first), bench.joined(second));
    assert_eq!((first.generation, second.generation), (1, 1));
    assert_eq!(first.leader, Some(first.member_id.clone()));
    assert_eq!(first.members.len(), 2);
    assert!(second.members.is_empty(), "only the leader learns who the members are");
}

#[test]
fn the_initial_delay_is_extended_up_to_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let short = |mut join: Join| {
        join.rebalance_timeout = 7_000;
        join.requires_known_id = false;
        join
    };
    let first = bench.join(short(Bench::request(None)));
    for _ in 0..3 {
        bench.pass(2_000);
        bench.join(short(Bench::request(None)));
    }
    assert_eq!(bench.join_answer(first), None);
    bench.pass(1_000);
    assert_eq!(bench.joined(first).members.len(), 4, "after 7 s, however many still come");
}

#[test]
fn session_timeouts_have_bounds() {
    let mut bench = Bench::new();
    for session_timeout in [5_999, 1_800_001] {
        let ticket = bench.join(Join { session_timeout, ..Bench::request(None) });
        assert_eq!(bench.refused(ticket).0, GroupError::InvalidSessionTimeout);
    }
}

#[test]
fn the_protocol_most_members_like_best_wins() {
    let mut bench = Bench::new();
    let like = |names: &[&str]| Join {
        protocols: protocols(names),
        requires_known_id: false,
        ..Bench::request(None)
    };
    let first = bench.join(like(&["range", "roundrobin"]));
    bench.join(like(&["roundrobin", "range", "sticky"]));
    bench.join(like(&["sticky", "roundrobin", "range"]));
    bench.pass(10_000);
    let leader = bench.joined(first);
    assert_eq!(leader.protocol_name.as_deref(), Some("roundrobin"), "sticky is not common to all");
    assert_eq!(leader.members[0].metadata, "roundrobin");
}

#[test]
fn a_member_without_a_common_protocol_is_refused() {
    let mut bench = Bench::new();
    bench.join_dynamic();
    let other = bench.join(Join { protocols: protocols(&["sticky"]), ..Bench::request(None) });
    assert_eq!(bench.refused(other).0, GroupError::InconsistentGroupProtocol);
    let connect = bench.join(Join { protocol_type: "connect".into(), ..Bench::request(None) });
    assert_eq!(bench.refused(connect).0, GroupError::InconsistentGroupProtocol);
    let none = bench.join(Join { protocols: Vec::new(), ..Bench::request(None) });
    assert_eq!(bench.refused(none).0, GroupError::InconsistentGroupProtocol);
}

#[test]
fn a_new_member_starts_a_rebalance_and_heartbeats_tell_the_others() {
    let mut bench = Bench::new();
    let first = bench.join_dynamic();
    let first = bench.stable(&[first]).remove(0);
    let second = bench.join_dynamic();
    assert_eq!(bench.heartbeat(&first), Err(GroupError::RebalanceInProgress));
    let again = bench.join(Bench::request(Some(&first.member_id)));
    assert_eq!((bench.joined(again).generation, bench.joined(second).generation), (2, 2));
    assert_eq!(bench.heartbeat(&first), Err(GroupError::IllegalGeneration));
}

#[test]
fn a_stable_follower_that_joins_the_same_again_gets_its_place_back() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    let again = bench.join(Bench::request(Some(&joined[1].member_id)));
    assert_eq!(bench.joined(again).generation, 1);
    assert_eq!(bench.group.state(), State::Stable);
}

#[test]
fn a_leader_that_joins_again_rebalances() {
    let mut bench = Bench::new();
    let leader = bench.join_dynamic();
    let leader = bench.stable(&[leader]).remove(0);
    let again = bench.join(Bench::request(Some(&leader.member_id)));
    assert_eq!(bench.joined(again).generation, 2);
}

#[test]
fn while_the_assignment_is_awaited_the_same_join_gets_the_same_answer() {
    let mut bench = Bench::new();
    let leader = bench.join_dynamic();
    bench.pass(3_000);
    let leader = bench.joined(leader);
    let again = bench.join(Bench::request(Some(&leader.member_id)));
    assert_eq!(bench.joined(again), leader);
    let other =
        Join { protocols: protocols(&["range", "sticky"]), ..Bench::request(Some(&leader.member_id)) };
    let changed = bench.join(other);
    assert_eq!(bench.joined(changed).generation, 2);
}

#[test]
fn a_join_sent_twice_is_answered_twice() {
    let mut bench = Bench::new();
    let first = bench.join_dynamic();
    bench.pass(1_000);
    let again = bench.join(Bench::request(Some(&"m1".into())));
    assert_eq!(bench.refused(first).0, GroupError::RebalanceInProgress);
    bench.pass(10_000);
    assert_eq!(bench.joined(again).members.len(), 1);
}

#[test]
fn a_full_group_turns_members_away() {
    let mut bench = Bench::with_limits(GroupLimits { members_max: 2, ..GroupLimits::default() });
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let while_joining = bench.join(Bench::request(None));
    assert_eq!(bench.refused(while_joining), (GroupError::GroupMaxSizeReached, None));
    bench.stable(&tickets);
    let while_stable = bench.join(Bench::request(None));
    assert_eq!(bench.refused(while_stable), (GroupError::GroupMaxSizeReached, None));
    assert_eq!(bench.group.state(), State::Stable);
}

#[test]
fn an_id_that_is_not_used_in_time_holds_nobody_up() {
    let mut bench = Bench::new();
    let first = bench.join_dynamic();
    let first = bench.stable(&[first]).remove(0);
    let asked = bench.join(Bench::request(None));
    let again = bench.join(Bench::request(Some(&first.member_id)));
    assert_eq!(bench.join_answer(again), None, "the id that is out is waited for");
    bench.pass(SESSION_TIMEOUT);
    assert_eq!(bench.joined(again).generation, 2);
    let late = bench.join(Bench::request(bench.refused(asked).1.as_ref()));
    assert_eq!(bench.refused(late).0, GroupError::UnknownMemberId);
}
