//! Broker configurations with an effect, under Kafka's names where Kafka has one.

use crate::config::definition::Rule::{Any, AtLeast, Between};
use crate::config::table::settings;

const MAX_INT: i64 = i32::MAX as i64;

settings! {
    /// What the operator decided, typed. One struct for the whole broker: each part reads what it needs of it.
    pub(crate) struct Settings / BROKER_DEFINITIONS {
        /// The id of this node in the cluster.
        node_id: i32 = "node.id", "1", AtLeast(0), false;
        /// The address to listen on, as PLAINTEXT://host:port; port 0 takes a free one.
        listeners: String = "listeners", "PLAINTEXT://:9092", Any, false;
        /// The address that clients are told to use; empty tells them the one they connected to.
        advertised_listeners: String = "advertised.listeners", "", Any, false;
        /// Threads that serve connections; 0 takes one for each core.
        worker_threads: i32 = "worker.threads", "0", Between(0, 1024), false;
        /// The largest request in bytes; a larger frame closes its connection.
        socket_request_max_bytes: i32 = "socket.request.max.bytes", "104857600", AtLeast(1024), false;
        /// Bytes of produce requests that one connection may have read and not yet had answered.
        inflight_max_bytes: i32 = "connection.max.inflight.bytes", "8388608", AtLeast(1), false;
        /// Connections served at once; one more is closed as soon as it is accepted.
        max_connections: i32 = "max.connections", "2147483647", AtLeast(0), false;
        /// Connections served at once from one address.
        max_connections_per_ip: i32 = "max.connections.per.ip", "2147483647", AtLeast(0), false;
        /// A connection without traffic for this long, in ms, is closed; -1 never.
        connections_max_idle_ms: i64 = "connections.max.idle.ms", "600000", AtLeast(-1), false;
        /// Whether a topic that is asked for by name and does not exist is created.
        auto_create_topics_enable: bool = "auto.create.topics.enable", "true", Any, false;
        /// Partitions of a topic that is created without a count.
        num_partitions: i32 = "num.partitions", "1", AtLeast(1), false;
        /// Partitions that this node holds at most, all topics together.
        max_partitions: i32 = "max.partitions", "200000", AtLeast(1), false;
        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable", "true", Any, false;
        /// Incremental fetch sessions kept at once; the least recently used one makes room.
        fetch_session_slots: i32 = "max.incremental.fetch.session.cache.slots", "1000", AtLeast(0), false;
        /// The largest fetch answer in bytes, unless a single batch is larger.
        fetch_max_bytes: i32 = "fetch.max.bytes", "57671680", AtLeast(1024), false;
        /// Partitions in one answer of DescribeTopicPartitions.
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit", "2000", AtLeast(1), false;
        /// How long the state of a producer that sends nothing is kept, in ms.
        producer_id_expiration_ms: i32 = "producer.id.expiration.ms", "86400000", AtLeast(1), false;
        /// How often producers that send nothing are looked for, in ms.
        producer_id_check_ms: i32 = "producer.id.expiration.check.interval.ms", "600000", AtLeast(1), false;
        /// Bytes by which the metadata log grows at most before a snapshot takes its place.
        metadata_snapshot_bytes: i64 = "metadata.log.max.record.bytes.between.snapshots", "20971520", AtLeast(1), false;
        /// How old the last snapshot of the metadata may be at a change, in ms; 0 for any age.
        metadata_snapshot_interval_ms: i64 = "metadata.log.max.snapshot.interval.ms", "3600000", AtLeast(0), false;
        /// How often retention is applied, in ms.
        log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms", "300000", AtLeast(1), false;
        /// How often recovery points are written, in ms.
        log_flush_checkpoint_ms: i32 = "log.flush.offset.checkpoint.interval.ms", "60000", AtLeast(0), false;
        /// How long the cleaner sleeps when no log is dirty enough, in ms.
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms", "15000", AtLeast(0), false;
        /// Threads that flush logs to disk.
        flusher_threads: i32 = "log.flusher.threads", "2", Between(1, 64), false;
        /// The shortest session time-out that a group member may ask for, in ms.
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms", "6000", AtLeast(0), false;
        /// The longest session time-out that a group member may ask for, in ms.
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms", "1800000", AtLeast(0), false;
        /// How long an empty group waits for more members before its first rebalance, in ms.
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms", "3000", AtLeast(0), false;
        /// Members of a group at most.
        group_max_size: i32 = "group.max.size", "2147483647", Between(1, MAX_INT), false;
        /// Partitions of __consumer_offsets; it holds for a new data directory.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", "50", AtLeast(1), false;
        /// Segment size of __consumer_offsets in bytes; it holds for a new data directory.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes", "104857600", AtLeast(1), false;
        /// How long a group waits for its records to be durable before it says that they are not, in ms.
        offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms", "5000", AtLeast(1), false;
        /// How long the offsets of an empty group are kept, in minutes.
        offsets_retention_minutes: i32 = "offsets.retention.minutes", "10080", AtLeast(1), false;
        /// How often expired offsets are looked for, in ms.
        offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms", "600000", AtLeast(1), false;
        /// The longest text kept beside a committed offset, in bytes.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes", "4096", AtLeast(0), false;
    }
}

impl Settings {
    /// Worker threads of the runtime, resolved to a number of threads.
    pub(crate) fn workers(&self) -> usize {
        match usize::try_from(self.worker_threads) {
            Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
            Ok(threads) => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_workers_as_asked_for_or_as_there_are_cores() {
        let workers = |text: &'static str| {
            Settings::from_lookup(|name| (name == "worker.threads").then_some(text)).unwrap().workers()
        };
        assert_eq!(workers("3"), 3);
        assert_eq!(workers("0"), std::thread::available_parallelism().unwrap().get());
    }

    #[test]
    fn every_default_passes_its_own_rule() {
        assert!(Settings::from_lookup(|_| None).is_ok());
    }
}
