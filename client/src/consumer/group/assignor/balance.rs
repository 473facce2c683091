//! Balanced and sticky: as even as subscriptions allow, moving as little as that takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Members, TopicSizes};
use crate::TopicPartition;

/// Who held what, as far as it can be believed: where two claim a partition the later generation is right, and where
/// both claim it in the same generation neither is (KIP-341).
pub(super) fn owners<'m>(topics: &TopicSizes, members: &'m Members) -> BTreeMap<TopicPartition, &'m str> {
    let mut claims: BTreeMap<TopicPartition, (i32, Option<&'m str>)> = BTreeMap::new();
    for (id, member) in members {
        let exists = |partition: &&TopicPartition| {
            member.topics.contains(&partition.topic)
                && topics.get(&partition.topic).is_some_and(|count| partition.partition < *count)
        };
        for partition in member.owned.iter().filter(exists) {
            let claim = claims.entry(partition.clone()).or_insert((i32::MIN, None));
            if member.generation > claim.0 {
                *claim = (member.generation, Some(id));
            } else if member.generation == claim.0 {
                claim.1 = None;
            }
        }
    }
    claims.into_iter().filter_map(|(partition, (_, owner))| Some((partition, owner?))).collect()
}

/// Everyone's partitions: what was held stays, as far as balance allows.
pub(super) fn balance<'m>(
    topics: &TopicSizes,
    members: &'m Members,
    owners: &BTreeMap<TopicPartition, &'m str>,
) -> BTreeMap<&'m str, Vec<TopicPartition>> {
    let mut shares: BTreeMap<&str, BTreeSet<TopicPartition>> =
        members.keys().map(|id| (id.as_str(), BTreeSet::new())).collect();
    let mut free = Vec::new();
    for (topic, count) in topics {
        for partition in (0..*count).map(|partition| TopicPartition::new(topic.clone(), partition)) {
            match owners.get(&partition).and_then(|owner| shares.get_mut(owner)) {
                Some(share) => drop(share.insert(partition)),
                None => free.push(partition),
            }
        }
    }
    for partition in free {
        if let Some(reader) = least_loaded(members, &shares, &partition)
            && let Some(share) = shares.get_mut(reader)
        {
            share.insert(partition);
        }
    }
    level(members, &mut shares);
    shares.into_iter().map(|(id, share)| (id, share.into_iter().collect())).collect()
}

fn least_loaded<'m>(
    members: &'m Members,
    shares: &BTreeMap<&'m str, BTreeSet<TopicPartition>>,
    partition: &TopicPartition,
) -> Option<&'m str> {
    let readers = members.iter().filter(|(_, member)| member.topics.contains(&partition.topic));
    readers.map(|(id, _)| id.as_str()).min_by_key(|id| shares.get(id).map_or(0, BTreeSet::len))
}

/// Moves single partitions from the fuller to the emptier while that narrows the gap. Each move lowers the sum of
/// squares of the shares, so it ends.
fn level(members: &Members, shares: &mut BTreeMap<&str, BTreeSet<TopicPartition>>) {
    while let Some((from, to, partition)) = a_move(members, shares) {
        if let Some(share) = shares.get_mut(from.as_str()) {
            share.remove(&partition);
        }
        if let Some(share) = shares.get_mut(to.as_str()) {
            share.insert(partition);
        }
    }
}

fn a_move(
    members: &Members,
    shares: &BTreeMap<&str, BTreeSet<TopicPartition>>,
) -> Option<(String, String, TopicPartition)> {
    let mut by_load: Vec<(&str, &BTreeSet<TopicPartition>)> =
        shares.iter().map(|(id, share)| (*id, share)).collect();
    by_load.sort_by_key(|(id, share)| (share.len(), *id));
    for (from, full) in by_load.iter().rev() {
        for (to, empty) in &by_load {
            if full.len() <= empty.len() + 1 {
                break;
            }
            let reads = |partition: &&TopicPartition| {
                members.get(*to).is_some_and(|member| member.topics.contains(&partition.topic))
            };
            if let Some(partition) = full.iter().rev().find(reads) {
                return Some(((*from).to_owned(), (*to).to_owned(), partition.clone()));
            }
        }
    }
    None
}
