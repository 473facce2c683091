//! A client that makes up members does not fill the memory.

use bytes::Bytes;

use super::Bench;
use crate::group::classic::{Join, Protocol};
use crate::group::error::GroupError;
use crate::group::limits::{GROUP_METADATA_BYTES_MAX, MEMBER_PROTOCOLS_MAX, PENDING_MEMBERS_MAX};

#[test]
fn a_storm_of_new_ids_keeps_the_youngest() {
    let mut bench = Bench::new();
    let first = bench.join(Bench::request(None));
    for _ in 0..PENDING_MEMBERS_MAX {
        bench.join(Bench::request(None));
    }
    assert_eq!(bench.group.pending.len(), PENDING_MEMBERS_MAX);
    let oldest = bench.join(Bench::request(bench.refused(first).1.as_ref()));
    assert_eq!(bench.refused(oldest).0, GroupError::UnknownMemberId);
    let served = bench.join_dynamic();
    assert!(bench.join_answer(served).is_none(), "who asks during the storm is let in");
}

#[test]
fn a_storm_of_heavy_members_is_turned_away() {
    let mut bench = Bench::new();
    let heavy = Protocol { name: "range".into(), metadata: Bytes::from(vec![0; 1024 * 1024]) };
    let join = Join { protocols: vec![heavy], requires_known_id: false, ..Bench::request(None) };
    let tickets: Vec<_> = (0..40).map(|_| bench.join(join.clone())).collect();
    let last = bench.refused(*tickets.last().unwrap());
    assert_eq!(last, (GroupError::GroupMaxSizeReached, None));
    assert!(bench.group.members.metadata_bytes() <= GROUP_METADATA_BYTES_MAX);
}

#[test]
fn a_member_with_countless_protocols_is_refused() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..=MEMBER_PROTOCOLS_MAX).map(|at| at.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ticket = bench.join(Join { protocols: super::bench::protocols(&names), ..Bench::request(None) });
    assert_eq!(bench.refused(ticket).0, GroupError::InconsistentGroupProtocol);
}
