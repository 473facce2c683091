//! `org.apache.kafka.clients.consumer.CooperativeStickyAssignor`.

use std::collections::BTreeMap;

use super::balance::{balance, owners};
use super::{Assignment, Assignor, Members, RebalanceProtocol, TopicSizes, assignments};
use crate::{Result, TopicPartition};

/// Balanced with few moves; a partition that moves is withheld for one round, until its holder has let go of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CooperativeSticky;

impl Assignor for CooperativeSticky {
    fn name(&self) -> &str {
        "cooperative-sticky"
    }

    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Cooperative
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        let owners = owners(topics, members);
        let mut shares = balance(topics, members, &owners);
        for (id, share) in &mut shares {
            // Whoever claims a partition may still be reading it, even where two claims made neither the owner.
            let held_elsewhere = |partition: &TopicPartition| {
                members.iter().any(|(other, member)| other != *id && member.owned.contains(partition))
                    && owners.get(partition) != Some(id)
            };
            share.retain(|partition| !held_elsewhere(partition));
        }
        Ok(assignments(members, shares))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Range, RoundRobin, Subscription};
    use super::*;

    fn topics(sizes: &[(&str, i32)]) -> TopicSizes {
        sizes.iter().map(|(name, count)| (Arc::from(*name), *count)).collect()
    }

    fn members(ids: &[(&str, &[&str])]) -> Members {
        let subscription = |topics: &[&str]| Subscription {
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
            generation: -1,
            ..Subscription::default()
        };
        ids.iter().map(|(id, topics)| ((*id).to_owned(), subscription(topics))).collect()
    }

    fn shown(assigned: &BTreeMap<String, Assignment>) -> String {
        let member = |(id, assignment): (&String, &Assignment)| {
            let partitions: Vec<String> = assignment.partitions.iter().map(ToString::to_string).collect();
            format!("{id}: {}", partitions.join(" "))
        };
        assigned.iter().map(member).collect::<Vec<_>>().join(" | ")
    }

    /// Plays rounds until nobody has anything to give up, as members do.
    fn settle(topics: &TopicSizes, members: &mut Members) -> usize {
        for round in 1..10 {
            let assigned = CooperativeSticky.assign(topics, members).unwrap();
            let mut given_up = false;
            for (id, member) in members.iter_mut() {
                let next = assigned[id].partitions.clone();
                given_up |= member.owned.iter().any(|partition| !next.contains(partition));
                (member.owned, member.generation) = (next, round);
            }
            if !given_up {
                return round as usize;
            }
        }
        panic!("does not settle")
    }

    #[test]
    fn range_deals_runs_and_round_robin_single_partitions() {
        let topics = topics(&[("a", 3), ("b", 3)]);
        let members = members(&[("x", &["a", "b"]), ("y", &["a", "b"])]);
        assert_eq!(shown(&Range.assign(&topics, &members).unwrap()), "x: a-0 a-1 b-0 b-1 | y: a-2 b-2");
        assert_eq!(shown(&RoundRobin.assign(&topics, &members).unwrap()), "x: a-0 a-2 b-1 | y: a-1 b-0 b-2");
    }

    #[test]
    fn a_new_member_takes_only_its_share_in_two_rounds() {
        let topics = topics(&[("a", 6)]);
        let mut group = members(&[("x", &["a"]), ("y", &["a"])]);
        settle(&topics, &mut group);
        let before = group.clone();
        group.extend(members(&[("z", &["a"])]));
        let first = CooperativeSticky.assign(&topics, &group).unwrap();
        assert_eq!(first["z"].partitions, [], "what moves is withheld while its holder has it");
        assert_eq!(settle(&topics, &mut group), 2);
        for id in ["x", "y"] {
            assert_eq!(group[id].owned.len(), 2);
            assert!(group[id].owned.iter().all(|partition| before[id].owned.contains(partition)));
        }
        assert_eq!(group["z"].owned.len(), 2);
    }

    #[test]
    fn a_claim_of_an_older_generation_does_not_count() {
        let topics = topics(&[("a", 2)]);
        let mut group = members(&[("x", &["a"]), ("y", &["a"])]);
        let held = vec![TopicPartition::new("a", 0), TopicPartition::new("a", 1)];
        for (id, generation) in [("x", 3), ("y", 4)] {
            let member = group.get_mut(id).unwrap();
            (member.owned, member.generation) = (held.clone(), generation);
        }
        let assigned = CooperativeSticky.assign(&topics, &group).unwrap();
        assert_eq!(assigned["y"].partitions.len(), 1, "y keeps one of what is truly its own");
    }

    #[test]
    fn nobody_gets_a_topic_that_it_does_not_read() {
        let topics = topics(&[("a", 4), ("b", 1)]);
        let mut group = members(&[("x", &["a", "b"]), ("y", &["b"])]);
        settle(&topics, &mut group);
        assert_eq!(group["x"].owned.len(), 4);
        assert_eq!(group["y"].owned, [TopicPartition::new("b", 0)]);
    }
}
