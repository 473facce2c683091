//! `org.apache.kafka.clients.consumer.RoundRobinAssignor`.

use std::collections::BTreeMap;

use super::{Assignment, Assignor, Members, TopicSizes, assignments, dealt_to};
use crate::{Result, TopicPartition};

/// Deals all partitions of all topics one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundRobin;

impl Assignor for RoundRobin {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        let mut by_member: BTreeMap<&str, Vec<TopicPartition>> = BTreeMap::new();
        let mut order: Vec<(bool, Option<&String>, &str)> = members
            .iter()
            .map(|(id, member)| (member.instance_id.is_none(), member.instance_id.as_ref(), id.as_str()))
            .collect();
        order.sort_unstable();
        let mut turn = 0;
        for (topic, partitions) in topics {
            let readers = dealt_to(members, topic);
            if readers.is_empty() {
                continue;
            }
            for partition in 0..*partitions {
                while !readers.contains(&order[turn % order.len()].2) {
                    turn += 1;
                }
                let reader = order[turn % order.len()].2;
                by_member.entry(reader).or_default().push(TopicPartition::new(topic.clone(), partition));
                turn += 1;
            }
        }
        Ok(assignments(members, by_member))
    }
}
