//! A fetch request from what a session has to say.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use kafka_protocol::protocol::StrBytes;

use uuid::Uuid;

use super::session::{Ask, Differences};
use crate::consumer::config::ConsumerConfig;
use crate::partition::{by_topic, topic_name};

/// The last version that names topics; from 13 on they go by id.
pub(super) const NAMED_TOPICS_MAX: i16 = 12;

/// The request; the broker may wait for records for as long as `wait`.
pub(super) fn fetch(differences: Differences, wait: Duration, config: &ConsumerConfig) -> FetchRequest {
    let topic = |(name, asks): (Arc<str>, Vec<(i32, Ask)>)| {
        FetchTopic::default()
            .with_topic_id(asks.first().map_or_else(Uuid::nil, |(_, ask)| ask.topic_id))
            .with_topic(topic_name(&name))
            .with_partitions(asks.into_iter().map(partition).collect())
    };
    // A topic and its predecessor of the same name may both be left.
    let mut gone: HashMap<(Arc<str>, Uuid), Vec<i32>> = HashMap::new();
    for (partition, id) in differences.forgotten {
        gone.entry((partition.topic, id)).or_default().push(partition.partition);
    }
    let forgotten = |((name, id), indexes): ((Arc<str>, Uuid), Vec<i32>)| {
        ForgottenTopic::default().with_topic_id(id).with_topic(topic_name(&name)).with_partitions(indexes)
    };
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(config.fetch_min_bytes)
        .with_max_bytes(i32::try_from(config.fetch_max_bytes).unwrap_or(i32::MAX))
        .with_isolation_level(config.isolation_level.code())
        .with_session_id(differences.session_id)
        .with_session_epoch(differences.epoch)
        .with_topics(by_topic(differences.changed).into_iter().map(topic).collect())
        .with_forgotten_topics_data(gone.into_iter().map(forgotten).collect())
        .with_rack_id(StrBytes::from_string(config.client.client_rack.clone()))
}

fn partition((index, ask): (i32, Ask)) -> FetchPartition {
    FetchPartition::default()
        .with_partition(index)
        .with_fetch_offset(ask.offset)
        .with_current_leader_epoch(ask.leader_epoch)
        .with_last_fetched_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(ask.max_bytes)
}
