//! What each configuration does.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, GroupId, JoinGroupRequest, ListOffsetsRequest, MetadataRequest,
    OffsetCommitRequest,
};
use millstream_broker::{Broker, BrokerConfig};
use millstream_wire::batch::{BatchWriter, Batches, ProducerState};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{ProducerEpoch, ProducerId};
use tempfile::TempDir;

use crate::client::{Client, batch, fetch_partition, fetch_request, name, records, text, timed_batch};

/// A broker whose files can be looked at.
pub(crate) struct Open {
    broker: Broker,
    pub(crate) client: Client,
    directory: TempDir,
}

pub(crate) fn start(settings: &[(&str, &str)], topic: &[(&str, &str)]) -> Open {
    let directory = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
    for (name, value) in settings {
        config = config.set(name, value).unwrap();
    }
    let broker = Broker::start_blocking(config).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 1, topic);
    Open { broker, client, directory }
}

impl Open {
    fn files(&self, ending: &str) -> usize {
        let Ok(entries) = std::fs::read_dir(self.directory.path().join("a-0")) else { return 0 };
        entries
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(ending))
            .count()
    }

    fn produce(&mut self, batch: Bytes) -> i16 {
        self.client.produce("a", 0, -1, batch).error_code
    }

    fn start_offset(&mut self) -> i64 {
        let partition = ListOffsetsPartition::default().with_timestamp(-2).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(name("a")).with_partitions(vec![partition]);
        let response = self.client.call(9, &ListOffsetsRequest::default().with_topics(vec![topic]));
        response.topics[0].partitions[0].offset
    }

    pub(crate) fn close(self) {
        self.broker.close_blocking();
    }
}

/// Waits for what the broker does by itself, when it gets to it.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never happened that {what}");
}

fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn keyed(key: &str, value: &str) -> Bytes {
    let mut writer = BatchWriter::new(Compression::None, None);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    writer.append(now, Some(key.as_bytes()), Some(value.as_bytes()), []);
    writer.finish().unwrap()
}

const ANY_TIME: (&str, &str) = ("message.timestamp.before.max.ms", "9223372036854775807");
const EAGER_RETENTION: (&str, &str) = ("log.retention.check.interval.ms", "20");

#[test]
fn segments_roll_by_size() {
    let mut open = start(&[], &[("segment.bytes", "1048576")]);
    for _ in 0..3 {
        assert_eq!(open.produce(batch(&[&"x".repeat(700_000)])), 0);
    }
    assert_eq!(open.files(".log"), 3);
    open.close();
}

#[test]
fn segments_roll_by_age() {
    let mut open = start(&[], &[("segment.ms", "1")]);
    for _ in 0..2 {
        assert_eq!(open.produce(batch(&["x"])), 0);
        pause();
    }
    assert_eq!(open.files(".log"), 2);
    open.close();
}

#[test]
fn segments_roll_when_their_index_is_full() {
    // An entry for each batch, and room for two of them.
    let mut open = start(&[], &[("segment.index.bytes", "24"), ("index.interval.bytes", "0")]);
    for _ in 0..8 {
        assert_eq!(open.produce(batch(&["x"])), 0);
    }
    assert!(open.files(".log") > 1);
    open.close();
}

#[test]
fn an_index_has_entries_as_far_apart_as_asked_for() {
    let size = |interval| {
        let mut open = start(&[], &[("index.interval.bytes", interval), ("segment.ms", "1000000")]);
        for _ in 0..8 {
            open.produce(batch(&["x"]));
        }
        let directory = open.directory.path().join("a-0");
        // Closing writes what is left of the index.
        open.broker.close_blocking();
        index_bytes(&directory)
    };
    assert!(size("0") > size("1000000"));
}

fn index_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let indexes = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".index"));
    indexes.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn old_records_go_by_time() {
    let mut open = start(&[EAGER_RETENTION], &[("retention.ms", "1000"), ANY_TIME]);
    open.produce(timed_batch(&["old"], ProducerState::NONE, 1_000));
    eventually("the old record goes", || open.start_offset() == 1);
    open.close();
}

#[test]
fn old_records_go_by_size() {
    let topic = [("retention.bytes", "1"), ("segment.ms", "1"), ("file.delete.delay.ms", "60000")];
    let mut open = start(&[EAGER_RETENTION], &topic);
    for _ in 0..3 {
        open.produce(batch(&["x"]));
        pause();
    }
    eventually("all but the last segment goes", || open.start_offset() >= 2);
    assert!(open.files(".deleted") > 0, "their files stay for file.delete.delay.ms");
    open.close();
}

#[test]
fn the_files_of_old_segments_go_when_their_delay_is_over() {
    let topic = [("retention.bytes", "1"), ("segment.ms", "1"), ("file.delete.delay.ms", "0")];
    let mut open = start(&[EAGER_RETENTION], &topic);
    for _ in 0..3 {
        open.produce(batch(&["x"]));
        pause();
    }
    eventually("all but the last segment goes", || open.start_offset() >= 2);
    eventually("their files go", || open.files(".deleted") == 0);
    open.close();
}

#[test]
fn the_last_value_of_a_key_stays() {
    let topic = [("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0.01")];
    let mut open = start(&[("log.cleaner.backoff.ms", "10")], &topic);
    assert_eq!(open.produce(batch(&["without a key"])), ResponseError::InvalidRecord.code());
    for value in ["first", "second", "third"] {
        assert_eq!(open.produce(keyed("key", value)), 0);
        pause();
    }
    eventually("the first value goes", || {
        let values = records(&open.client.fetch("a", 0, 0).records);
        values.iter().all(|(_, value)| value != "first")
    });
    open.close();
}

#[test]
fn batches_are_stored_in_the_topics_codec() {
    for (codec, compression) in [("zstd", Compression::Zstd), ("producer", Compression::None)] {
        let mut open = start(&[], &[("compression.type", codec)]);
        open.produce(batch(&["x", "y"]));
        let fetched = open.client.fetch("a", 0, 0).records;
        let header = Batches::new(fetched.as_deref().unwrap()).next().unwrap().unwrap().header;
        assert_eq!(header.compression().unwrap(), compression);
        assert_eq!(records(&fetched).len(), 2);
        open.close();
    }
}

#[test]
fn the_brokers_time_is_given_where_the_topic_asks_for_it() {
    for (kind, is_given) in [("CreateTime", false), ("LogAppendTime", true)] {
        let mut open = start(&[], &[("message.timestamp.type", kind)]);
        let answer = open.client.produce("a", 0, -1, batch(&["x"]));
        assert_eq!(answer.log_append_time_ms != -1, is_given, "{kind}");
        open.close();
    }
}

#[test]
fn times_too_far_away_are_refused() {
    let invalid = ResponseError::InvalidTimestamp.code();
    let mut open = start(&[], &[("message.timestamp.before.max.ms", "60000")]);
    assert_eq!(open.produce(timed_batch(&["x"], ProducerState::NONE, 1_000)), invalid);
    assert_eq!(open.produce(batch(&["x"])), 0);
    open.close();
    let mut open = start(&[], &[("message.timestamp.after.max.ms", "60000")]);
    assert_eq!(open.produce(timed_batch(&["x"], ProducerState::NONE, 9_999_999_999_999)), invalid);
    open.close();
}

#[test]
fn recovery_points_are_written_in_their_interval() {
    let mut open = start(&[("log.flush.offset.checkpoint.interval.ms", "20")], &[]);
    open.produce(batch(&["x"]));
    let checkpoint = open.directory.path().join("recovery-point-offset-checkpoint");
    eventually("the checkpoint names the partition", || {
        std::fs::read_to_string(&checkpoint).unwrap_or_default().contains("a 0 1")
    });
    open.close();
}

#[test]
fn clients_are_told_the_advertised_address() {
    let mut open = start(&[("advertised.listeners", "PLAINTEXT://example.org:1234")], &[]);
    let broker = open.client.call(9, &MetadataRequest::default()).brokers[0].clone();
    assert_eq!((broker.host.as_str(), broker.port), ("example.org", 1234));
    open.close();
}

#[test]
fn a_quiet_connection_is_closed() {
    let open = start(&[("connections.max.idle.ms", "100")], &[]);
    assert!(Client::connect(&open.broker).is_closed_by_broker());
    open.close();
}

#[test]
fn a_connection_that_waits_for_its_answer_is_not_quiet() {
    let settings = [("connections.max.idle.ms", "100"), ("group.initial.rebalance.delay.ms", "500")];
    let mut open = start(&settings, &[]);
    assert_eq!(open.client.call(3, &join("g")).error_code, 0);
    assert!(open.client.is_closed_by_broker(), "now it is");
    open.close();
}

#[test]
fn produces_beyond_the_bytes_in_flight_wait_and_are_answered() {
    let mut open = start(&[("connection.max.inflight.bytes", "1"), ("log.flusher.threads", "1")], &[]);
    for _ in 0..20 {
        open.client.send(12, &crate::client::produce_request("a", 0, -1, batch(&["x"])));
    }
    for offset in 0..20 {
        let response = open.client.receive::<kafka_protocol::messages::ProduceRequest>(12);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
    }
    open.close();
}

#[test]
fn an_answer_is_no_larger_than_the_broker_allows() {
    let open = start(&[("fetch.max.bytes", "1024")], &[]);
    let mut client = Client::connect(&open.broker);
    client.create_topic("b", 2, &[]);
    let value = "x".repeat(600);
    for partition in 0..2 {
        client.produce("b", partition, -1, batch(&[&value]));
    }
    let mut request = fetch_request("b", 0, 0);
    request.topics[0].partitions.push(fetch_partition(1, 0));
    let response = client.call(12, &request);
    let counts = response.responses[0].partitions.iter().map(|partition| records(&partition.records).len());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 0]);
    open.close();
}

#[test]
fn what_is_in_the_page_cache_only_is_flushed_as_often_as_asked_for() {
    for setting in ["flush.messages", "flush.ms"] {
        let settings =
            [("durability", "page"), ("log.flush.offset.checkpoint.interval.ms", "20"), EAGER_RETENTION];
        let mut open = start(&settings, &[(setting, "1")]);
        open.produce(batch(&["x"]));
        let checkpoint = open.directory.path().join("recovery-point-offset-checkpoint");
        eventually("what was appended is flushed", || {
            std::fs::read_to_string(&checkpoint).unwrap_or_default().contains("a 0 1")
        });
        open.close();
    }
}

#[test]
fn a_quiet_producer_is_forgotten() {
    let settings = [("producer.id.expiration.ms", "1"), ("producer.id.expiration.check.interval.ms", "20")];
    let mut open = start(&settings, &[ANY_TIME]);
    let sent = |base_sequence| {
        let producer = ProducerState { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence };
        timed_batch(&["x"], producer, 1_000)
    };
    open.produce(sent(0));
    // A gap is refused for as long as the producer is known.
    eventually("the producer may begin anywhere", || open.produce(sent(99)) == 0);
    open.close();
}

fn join(group: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

#[test]
fn a_group_has_no_more_members_than_allowed() {
    let mut open = start(&[("group.max.size", "1"), ("group.initial.rebalance.delay.ms", "0")], &[]);
    assert_eq!(open.client.call(3, &join("g")).error_code, 0);
    let second = Client::connect(&open.broker).call(3, &join("g"));
    assert_eq!(second.error_code, ResponseError::GroupMaxSizeReached.code());
    open.close();
}

#[test]
fn a_new_group_waits_for_more_members() {
    let mut open = start(&[("group.initial.rebalance.delay.ms", "300")], &[]);
    let begin = Instant::now();
    assert_eq!(open.client.call(3, &join("g")).error_code, 0);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    open.close();
}

#[test]
fn notes_beside_offsets_are_bounded() {
    let mut open = start(&[("offset.metadata.max.bytes", "3")], &[]);
    let mut commit = |note: &str| {
        let partition = OffsetCommitRequestPartition::default().with_committed_metadata(Some(text(note)));
        let topic = OffsetCommitRequestTopic::default().with_name(name("a")).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text("g")))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        open.client.call(8, &request).topics[0].partitions[0].error_code
    };
    assert_eq!(commit("abc"), 0);
    assert_eq!(commit("abcd"), ResponseError::OffsetMetadataTooLarge.code());
    open.close();
}

#[test]
fn the_offsets_topic_is_made_as_asked_for() {
    let settings = [("offsets.topic.num.partitions", "3"), ("offsets.topic.segment.bytes", "2000000")];
    let mut open = start(&settings, &[]);
    open.client.call(3, &join("g"));
    let topics = open.client.call(9, &MetadataRequest::default().with_topics(None)).topics;
    let offsets = topics.iter().find(|topic| topic.is_internal).unwrap();
    assert_eq!(offsets.partitions.len(), 3);
    let configs = described(&mut open.client, 2, "__consumer_offsets");
    let segment = configs.iter().find(|config| config.name.as_str() == "segment.bytes").unwrap();
    assert_eq!(segment.value.as_deref(), Some("2000000"));
    open.close();
}

/// The configurations that have an effect.
pub(crate) fn described(client: &mut Client, kind: i8, resource: &str) -> Vec<DescribeConfigsResourceResult> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true)
        .with_include_documentation(true);
    let has_effect = |config: &DescribeConfigsResourceResult| {
        !config.documentation.as_ref().is_some_and(|text| text.contains("without an effect here"))
    };
    let configs = client.call(4, &request).results.remove(0).configs;
    configs.into_iter().filter(has_effect).collect()
}
