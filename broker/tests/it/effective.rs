//! The names that the broker calls effective: each reaches what it configures, and has a test that sees it do so.

use std::collections::BTreeSet;

use crate::effects::{described, start};

/// Defaults of topics that have no value of their own, which nothing therefore tells before they are set.
const WITHOUT_DEFAULT: &[(&str, &str)] = &[
    ("flush.ms", "log.flush.interval.ms"),
    ("retention.ms", "log.retention.minutes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.jitter.ms", "log.roll.jitter.ms"),
    ("segment.ms", "log.roll.ms"),
];

/// Every broker configuration that is a topic's default reaches the topics that do not say otherwise.
#[test]
fn topics_inherit_every_default_of_the_broker() {
    let mut open = start(&[], &[]);
    let defaults: Vec<(String, String)> = described(&mut open.client, 2, "a")
        .into_iter()
        .flat_map(|config| {
            let topic_name = config.name.to_string();
            config.synonyms.into_iter().map(move |synonym| (topic_name.clone(), synonym.name.to_string()))
        })
        .chain(WITHOUT_DEFAULT.iter().map(|(topic, broker)| ((*topic).to_owned(), (*broker).to_owned())))
        .collect();
    open.close();
    assert!(defaults.len() > 20);
    let words = [
        ("cleanup.policy", "compact"),
        ("compression.type", "zstd"),
        ("durability", "page"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("segment.bytes", "2000000"),
    ];
    for (topic_name, broker_name) in defaults {
        let value = words.iter().find(|(name, _)| *name == topic_name).map_or("1234", |(_, value)| value);
        let mut open = start(&[(&broker_name, value)], &[]);
        let config =
            described(&mut open.client, 2, "a").into_iter().find(|config| *config.name == *topic_name);
        let config = config.unwrap();
        assert_eq!(config.config_source, 4, "{broker_name} is not where {topic_name} comes from");
        assert_eq!(config.synonyms[0].name.as_str(), broker_name);
        open.close();
    }
}

/// Effective names, and the test that observes what each does.
const OBSERVED: &[(&str, &str)] = &[
    ("advertised.listeners", "clients_are_told_the_advertised_address"),
    ("auto.create.topics.enable", "a_topic_that_is_asked_for_is_created_where_client_and_broker_allow_it"),
    ("cleanup.policy", "the_last_value_of_a_key_stays"),
    ("compression.type", "batches_are_stored_in_the_topics_codec"),
    ("connection.max.inflight.bytes", "produces_beyond_the_bytes_in_flight_wait_and_are_answered"),
    ("connections.max.idle.ms", "a_quiet_connection_is_closed"),
    ("delete.retention.ms", "a_tombstone_outlives_its_compaction_by_delete_retention"),
    ("delete.topic.enable", "topics_stay_where_deleting_is_disabled"),
    ("durability", "in_page_mode_the_high_watermark_is_the_log_end"),
    ("fetch.max.bytes", "an_answer_is_no_larger_than_the_broker_allows"),
    ("file.delete.delay.ms", "the_files_of_old_segments_go_when_their_delay_is_over"),
    ("flush.messages", "what_is_in_the_page_cache_only_is_flushed_as_often_as_asked_for"),
    ("flush.ms", "what_is_in_the_page_cache_only_is_flushed_as_often_as_asked_for"),
    ("group.initial.rebalance.delay.ms", "a_new_group_waits_for_more_members"),
    ("group.max.size", "a_group_has_no_more_members_than_allowed"),
    ("group.min.session.timeout.ms", "sessions_outside_the_bounds_are_refused"),
    ("group.max.session.timeout.ms", "sessions_outside_the_bounds_are_refused"),
    ("index.interval.bytes", "an_index_has_entries_as_far_apart_as_asked_for"),
    ("listeners", "a_port_that_is_taken_is_named"),
    ("log.cleaner.backoff.ms", "the_last_value_of_a_key_stays"),
    ("log.flush.offset.checkpoint.interval.ms", "recovery_points_are_written_in_their_interval"),
    ("log.flusher.threads", "produces_beyond_the_bytes_in_flight_wait_and_are_answered"),
    ("log.retention.check.interval.ms", "old_records_go_by_time"),
    ("max.compaction.lag.ms", "young_records_are_protected_and_old_ones_are_compacted_whatever_the_ratio"),
    ("max.connections", "more_connections_than_allowed_are_closed_and_a_place_is_free_again"),
    ("max.connections.per.ip", "more_connections_than_allowed_are_closed_and_a_place_is_free_again"),
    ("max.incremental.fetch.session.cache.slots", "when_the_sessions_run_out_clients_are_served_without"),
    ("max.message.bytes", "topics_ids_configurations_records_and_producer_ids_survive_a_restart"),
    ("max.partitions", "the_node_holds_no_more_partitions_than_it_is_told"),
    ("max.request.partition.size.limit", "topics_are_described_page_by_page"),
    ("message.max.bytes", "acks_that_do_not_exist_and_batches_that_are_too_large_are_refused"),
    ("message.timestamp.after.max.ms", "times_too_far_away_are_refused"),
    ("message.timestamp.before.max.ms", "times_too_far_away_are_refused"),
    ("message.timestamp.type", "the_brokers_time_is_given_where_the_topic_asks_for_it"),
    (
        "metadata.log.max.record.bytes.between.snapshots",
        "a_snapshot_is_written_when_the_log_has_grown_by_so_many_bytes",
    ),
    ("metadata.log.max.snapshot.interval.ms", "a_snapshot_is_written_at_the_first_change_after_its_interval"),
    ("min.cleanable.dirty.ratio", "the_last_value_of_a_key_stays"),
    ("min.compaction.lag.ms", "young_records_are_protected_and_old_ones_are_compacted_whatever_the_ratio"),
    ("node.id", "partitions_may_be_assigned_to_this_node"),
    ("num.partitions", "a_topic_that_is_asked_for_is_created_where_client_and_broker_allow_it"),
    ("offset.metadata.max.bytes", "notes_beside_offsets_are_bounded"),
    ("offsets.commit.timeout.ms", "a_commit_whose_fsync_hangs_is_refused_in_time"),
    ("offsets.retention.check.interval.ms", "expired_offsets_are_looked_for_as_often_as_asked"),
    ("offsets.retention.minutes", "old_offsets_expire_and_the_group_with_them"),
    ("offsets.topic.num.partitions", "the_offsets_topic_is_made_as_asked_for"),
    ("offsets.topic.segment.bytes", "the_offsets_topic_is_made_as_asked_for"),
    ("producer.id.expiration.check.interval.ms", "a_quiet_producer_is_forgotten"),
    ("producer.id.expiration.ms", "a_quiet_producer_is_forgotten"),
    ("retention.bytes", "old_records_go_by_size"),
    ("retention.ms", "old_records_go_by_time"),
    ("segment.bytes", "segments_roll_by_size"),
    ("segment.index.bytes", "segments_roll_when_their_index_is_full"),
    ("segment.jitter.ms", "logs_that_begin_together_roll_apart_by_their_jitter"),
    ("segment.ms", "segments_roll_by_age"),
    ("socket.request.max.bytes", "a_frame_over_the_configured_limit_is_refused"),
    ("worker.threads", "as_many_workers_as_asked_for_or_as_there_are_cores"),
];

#[test]
fn every_effective_name_is_in_the_table() {
    let sources = [
        include_str!("admin.rs"),
        include_str!("apis.rs"),
        include_str!("effects.rs"),
        include_str!("fetch.rs"),
        include_str!("groups/hostile.rs"),
        include_str!("groups/offsets.rs"),
        include_str!("hostile.rs"),
        include_str!("lifecycle.rs"),
        include_str!("produce.rs"),
        include_str!("../../src/config/settings.rs"),
        include_str!("../../src/group/coordinator/tests.rs"),
        include_str!("../../src/log/tests/basics.rs"),
        include_str!("../../src/log/tests/compaction.rs"),
        include_str!("../../src/log/tests/configs.rs"),
        include_str!("../../src/metadata/simulation.rs"),
    ];
    for (name, test) in OBSERVED {
        let definition = format!("fn {test}()");
        assert!(sources.iter().any(|source| source.contains(&definition)), "{name}: there is no test {test}");
    }
    let mut open = start(&[], &[]);
    let topic = described(&mut open.client, 2, "a");
    let synonyms = topic.iter().flat_map(|config| &config.synonyms).map(|synonym| synonym.name.to_string());
    let without_default = WITHOUT_DEFAULT.iter().map(|(_, broker)| (*broker).to_owned());
    let inherited: BTreeSet<String> = synonyms.chain(without_default).collect();
    let broker = described(&mut open.client, 4, "1").into_iter();
    let own = broker.map(|config| config.name.to_string()).filter(|name| !inherited.contains(name));
    let effective: BTreeSet<String> = topic.iter().map(|config| config.name.to_string()).chain(own).collect();
    let listed = OBSERVED.iter().map(|(name, _)| *name);
    let is_topics = |name: &str| topic.iter().any(|config| config.name.as_str() == name);
    let listed = listed.filter(|name| !inherited.contains(*name) || is_topics(name)).map(str::to_owned);
    let listed: BTreeSet<String> = listed.collect();
    assert_eq!(effective, listed);
    open.close();
}
