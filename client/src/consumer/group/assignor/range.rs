//! `org.apache.kafka.clients.consumer.RangeAssignor`, without racks.

use std::collections::BTreeMap;

use super::{Assignment, Assignor, Members, TopicSizes, assignments, dealt_to};
use crate::{Result, TopicPartition};

/// Per topic, each member gets a run of consecutive partitions; equally partitioned topics are assigned alike.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range;

impl Assignor for Range {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        let mut by_member: BTreeMap<&str, Vec<TopicPartition>> = BTreeMap::new();
        for (topic, partitions) in topics {
            let readers = dealt_to(members, topic);
            let count = readers.len().max(1) as i32;
            let (each, extra) = (partitions / count, partitions % count);
            let mut next = 0;
            for (index, reader) in readers.into_iter().enumerate() {
                let share = each + i32::from((index as i32) < extra);
                let run = (next..next + share).map(|partition| TopicPartition::new(topic.clone(), partition));
                by_member.entry(reader).or_default().extend(run);
                next += share;
            }
        }
        Ok(assignments(members, by_member))
    }
}
