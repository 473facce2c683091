//! A topic that someone asks for, and what makes it acceptable.

use crate::config::{BrokerValues, TopicValues, check_topic_value, log_config};
use crate::metadata::error::MetadataError;
use crate::metadata::journal::METADATA_TOPIC;
use crate::metadata::topic_name::name_fault;

/// Partitions that one request may create, as Kafka's controller bounds a batch of records.
pub(crate) const MAX_PARTITIONS_PER_REQUEST: usize = 10_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewTopic {
    pub(crate) name: String,
    pub(crate) partitions: Partitions,
    /// -1 takes the default, which is 1 on a single node.
    pub(crate) replication_factor: i16,
    pub(crate) values: TopicValues,
}

/// How many partitions there are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Partitions {
    /// -1 takes num.partitions.
    Count(i32),
    /// Partition index and replicas, one entry for each partition.
    Assigned(Vec<(i32, Vec<i32>)>),
}

impl NewTopic {
    /// A topic with the default number of partitions and no configuration of its own.
    pub(crate) fn with_defaults(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            partitions: Partitions::Count(-1),
            replication_factor: -1,
            values: TopicValues::new(),
        }
    }

    /// Checks everything that does not depend on other topics, and answers the number of partitions.
    pub(crate) fn check(
        &self,
        node_id: i32,
        default_partitions: i32,
        broker: &BrokerValues,
    ) -> Result<i32, MetadataError> {
        if let Some(fault) = name_fault(&self.name) {
            return Err(MetadataError::InvalidTopic(fault));
        }
        if self.name == METADATA_TOPIC {
            let text = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
            return Err(MetadataError::InvalidRequest(text));
        }
        for (name, value) in &self.values {
            check_topic_value(name, value)?;
        }
        log_config(&self.values, broker)?;
        match &self.partitions {
            Partitions::Count(count) => self.check_count(*count, default_partitions),
            Partitions::Assigned(assignments) => self.check_assignments(assignments, node_id),
        }
    }

    fn check_count(&self, count: i32, default_partitions: i32) -> Result<i32, MetadataError> {
        if !matches!(self.replication_factor, -1 | 1) {
            return Err(match self.replication_factor {
                factor if factor < 1 => MetadataError::InvalidReplicationFactor(
                    "Replication factor must be larger than 0, or -1 to use the default value.".to_owned(),
                ),
                factor => MetadataError::InvalidReplicationFactor(format!(
                    "Unable to replicate the partition {factor} time(s): only 1 broker(s) are registered."
                )),
            });
        }
        match count {
            -1 => Ok(default_partitions),
            count if count < 1 => Err(MetadataError::InvalidPartitions(
                "Number of partitions must be larger than 0, or -1 to use the default value.".to_owned(),
            )),
            count => Ok(count),
        }
    }

    fn check_assignments(&self, assignments: &[(i32, Vec<i32>)], node_id: i32) -> Result<i32, MetadataError> {
        if self.replication_factor != -1 {
            return Err(MetadataError::InvalidRequest(
                "A manual partition assignment was specified, but replication factor was not set to -1."
                    .to_owned(),
            ));
        }
        let mut indexes: Vec<i32> = assignments.iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        if !indexes.iter().copied().eq((0..).take(indexes.len())) {
            return Err(MetadataError::InvalidReplicaAssignment(
                "partitions should be a consecutive 0-based integer sequence".to_owned(),
            ));
        }
        for (index, replicas) in assignments {
            check_replicas(*index, replicas, node_id)?;
        }
        i32::try_from(assignments.len()).map_err(|_| MetadataError::InvalidPartitions("too many".to_owned()))
    }
}

/// On one node a partition has one replica, and that is this node.
pub(crate) fn check_replicas(index: i32, replicas: &[i32], node_id: i32) -> Result<(), MetadataError> {
    match replicas {
        [replica] if *replica == node_id => Ok(()),
        [] => Err(MetadataError::InvalidReplicaAssignment(format!(
            "The manual partition assignment of partition {index} includes an empty replica list."
        ))),
        replicas => Err(MetadataError::InvalidReplicaAssignment(format!(
            "The manual partition assignment of partition {index} is {replicas:?}, and only broker {node_id} is \
             registered."
        ))),
    }
}

/// Refuses what would take the node beyond its limits, which the text names.
pub(crate) fn check_limits(requested: usize, existing: usize, max: i32) -> Result<(), MetadataError> {
    if requested > MAX_PARTITIONS_PER_REQUEST {
        return Err(MetadataError::PolicyViolation(format!(
            "Excessively large number of partitions per request: {requested}, at most {MAX_PARTITIONS_PER_REQUEST}."
        )));
    }
    if existing.saturating_add(requested) > usize::try_from(max).unwrap_or(0) {
        return Err(MetadataError::PolicyViolation(format!(
            "{requested} more partitions would exceed max.partitions={max}; this node holds {existing}."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: &NewTopic) -> Result<i32, MetadataError> {
        topic.check(1, 3, &BrokerValues::default())
    }

    #[test]
    fn minus_one_takes_the_defaults() {
        assert_eq!(check(&NewTopic::with_defaults("a")).unwrap(), 3);
    }

    #[test]
    fn counts_and_factors_that_cannot_be_are_refused() {
        let topic = NewTopic::with_defaults("a");
        let none = NewTopic { partitions: Partitions::Count(0), ..topic.clone() };
        assert!(matches!(check(&none), Err(MetadataError::InvalidPartitions(_))));
        let two = NewTopic { replication_factor: 2, ..topic };
        assert!(matches!(check(&two), Err(MetadataError::InvalidReplicationFactor(_))));
    }

    #[test]
    fn manual_assignments_name_this_node_once_for_each_partition() {
        let topic = |assigned: &[(i32, Vec<i32>)]| NewTopic {
            partitions: Partitions::Assigned(assigned.to_vec()),
            ..NewTopic::with_defaults("a")
        };
        assert_eq!(check(&topic(&[(1, vec![1]), (0, vec![1])])).unwrap(), 2);
        for wrong in [vec![(0, vec![])], vec![(0, vec![1, 2])], vec![(1, vec![1])], vec![(0, vec![9])]] {
            assert!(matches!(check(&topic(&wrong)), Err(MetadataError::InvalidReplicaAssignment(_))));
        }
    }

    #[test]
    fn a_million_partitions_are_refused_by_a_named_limit() {
        let error = check_limits(1_000_000, 0, 200_000).unwrap_err();
        assert!(error.to_string().contains("at most 10000"), "{error}");
        let error = check_limits(10_000, 195_000, 200_000).unwrap_err();
        assert!(error.to_string().contains("max.partitions=200000"), "{error}");
    }
}
