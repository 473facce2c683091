//! Leaving.

use super::Bench;
use crate::group::classic::State;
use crate::group::error::GroupError;

#[test]
fn the_last_member_leaves_an_empty_group_behind() {
    let mut bench = Bench::new();
    let only = bench.join_dynamic();
    let only = bench.stable(&[only]).remove(0);
    assert_eq!(bench.leave(Some(&only.member_id), None), Ok(()));
    assert_eq!((bench.group.state(), bench.group.generation()), (State::Empty, 2));
    let record = &bench.records.last().unwrap().1;
    assert_eq!((record.generation, record.members.len(), &record.leader), (2, 0, &None));
    assert_eq!(record.protocol_type.as_deref(), Some("consumer"), "the group is still of its type");
    assert_eq!(bench.heartbeat(&only), Err(GroupError::UnknownMemberId));
}

#[test]
fn the_others_share_what_a_member_leaves() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    assert_eq!(bench.leave(Some(&joined[0].member_id), None), Ok(()));
    let again = bench.join(Bench::request(Some(&joined[1].member_id)));
    let again = bench.joined(again);
    assert_eq!((again.generation, again.members.len()), (2, 1));
    assert_eq!(again.leader, Some(again.member_id.clone()), "the leader has left");
}

#[test]
fn leaving_while_others_wait_completes_the_rebalance() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    let again = bench.join(Bench::request(Some(&joined[0].member_id)));
    assert_eq!(bench.join_answer(again), None);
    assert_eq!(bench.leave(Some(&joined[1].member_id), None), Ok(()));
    assert_eq!(bench.joined(again).members.len(), 1);
}

#[test]
fn a_pending_id_can_be_given_back() {
    let mut bench = Bench::new();
    let asked = bench.join(Bench::request(None));
    let id = bench.refused(asked).1;
    assert_eq!(bench.leave(id.as_ref(), None), Ok(()));
    assert!(bench.group.is_vacant());
    assert_eq!(bench.leave(id.as_ref(), None), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_member_that_leaves_is_told_so_where_it_waits() {
    let mut bench = Bench::new();
    let tickets = [bench.join_dynamic(), bench.join_dynamic()];
    let joined = bench.stable(&tickets);
    let again = bench.join(Bench::request(Some(&joined[0].member_id)));
    assert_eq!(bench.leave(Some(&joined[0].member_id), None), Ok(()));
    assert_eq!(bench.refused(again).0, GroupError::UnknownMemberId);
}

#[test]
fn an_operator_removes_a_static_member_by_name() {
    let mut bench = Bench::new();
    let ticket = bench.join(Bench::static_request("rack-1"));
    bench.stable(&[ticket]);
    assert_eq!(bench.leave(None, Some("rack-2")), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.leave(Some(&"other".into()), Some("rack-1")), Err(GroupError::FencedInstanceId));
    assert_eq!(bench.leave(None, Some("rack-1")), Ok(()));
    assert_eq!(bench.group.state(), State::Empty);
}
