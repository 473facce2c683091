//! What metrics tell of groups.

use millstream_exposition::read;

use super::member::Member;
use super::start;
use crate::client::batch;
use crate::metrics::api;

#[test]
fn a_group_is_told_with_its_members_and_how_far_it_is_behind() {
    let (broker, mut client) = start();
    client.produce("topic", 1, -1, batch(&["a", "b", "c"]));
    let mut member = Member::with_id(&broker);
    member.join();
    let id = member.id.clone();
    member.sync(&[(&id, "all")]);
    assert_eq!(member.commit(1, 2), 0);

    let metrics = broker.metrics().unwrap();
    let [group] = &metrics.groups[..] else { panic!("{:?}", metrics.groups) };
    assert_eq!((group.group.as_str(), group.state, group.members), ("group", "Stable", 1));
    let [offset] = &group.offsets[..] else { panic!("{group:?}") };
    assert_eq!((&*offset.topic, offset.partition, offset.committed, offset.lag), ("topic", 1, 2, Some(1)));
    assert_eq!(metrics.groups_by_state.iter().filter(|(_, count)| *count > 0).count(), 1);
    assert_eq!(api(&metrics, "JoinGroup").unwrap().errors, [("MEMBER_ID_REQUIRED".to_owned(), 1)]);

    let (samples, _) = read(&metrics.to_prometheus()).unwrap();
    let by = "group=\"group\",topic=\"topic\",partition=\"1\"";
    assert_eq!(samples[&format!("millstream_broker_group_lag_records{{{by}}}")], 1.0);
    assert_eq!(samples[&format!("millstream_broker_group_committed_offset{{{by}}}")], 2.0);
    assert_eq!(samples["millstream_broker_group_state{group=\"group\",state=\"Stable\"}"], 1.0);
    assert_eq!(samples["millstream_broker_group_state{group=\"group\",state=\"Empty\"}"], 0.0);
    assert_eq!(samples["millstream_broker_groups{state=\"Stable\"}"], 1.0);
}
