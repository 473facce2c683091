//! Produce: acknowledgements, refusals, idempotence.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use millstream_broker::{Broker, BrokerConfig};
use millstream_wire::batch::{BatchWriter, ProducerState};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{ProducerEpoch, ProducerId};

use crate::client::{Client, batch, batch_with, produce_request, records};

fn start(config: BrokerConfig) -> (Broker, Client) {
    let broker = Broker::start_blocking(config).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 2, &[]);
    (broker, client)
}

#[test]
fn acks_of_every_kind_in_both_durabilities() {
    for durability in ["sync", "page"] {
        let (broker, mut client) = start(BrokerConfig::ephemeral().set("durability", durability).unwrap());
        assert_eq!(client.produce("a", 0, -1, batch(&["all"])).base_offset, 0);
        assert_eq!(client.produce("a", 0, 1, batch(&["one"])).base_offset, 1);
        client.send(12, &produce_request("a", 0, 0, batch(&["none"])));
        assert_eq!(client.produce("a", 0, -1, batch(&["last"])).base_offset, 3);
        let fetched = client.fetch("a", 0, 0);
        let values: Vec<_> = records(&fetched.records).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["all", "one", "none", "last"], "{durability}");
        broker.close_blocking();
    }
}

#[test]
fn produces_that_are_sent_without_waiting_are_answered_in_order() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    for _ in 0..100 {
        client.send(12, &produce_request("a", 0, -1, batch(&["x"])));
    }
    for offset in 0..100 {
        let response = client.receive::<ProduceRequest>(12);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
    }
    broker.close_blocking();
}

#[test]
fn what_is_refused_is_refused_by_partition() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let mut request = produce_request("a", 0, -1, batch(&["good"]));
    let mut bad = batch(&["bad"]).to_vec();
    *bad.last_mut().unwrap() ^= 1;
    let mut second = request.topic_data[0].partition_data[0].clone();
    second.index = 1;
    second.records = Some(bad.into());
    let mut third = second.clone();
    third.index = 9;
    request.topic_data[0].partition_data.extend([second, third]);
    let response = client.call(12, &request);
    let codes: Vec<_> =
        response.responses[0].partition_responses.iter().map(|partition| partition.error_code).collect();
    let wanted = [0, ResponseError::CorruptMessage.code(), ResponseError::UnknownTopicOrPartition.code()];
    assert_eq!(codes, wanted);
    broker.close_blocking();
}

#[test]
fn acks_that_do_not_exist_and_batches_that_are_too_large_are_refused() {
    let (broker, mut client) = start(BrokerConfig::ephemeral().set("message.max.bytes", "200").unwrap());
    let code = client.produce("a", 0, 2, batch(&["x"])).error_code;
    assert_eq!(code, ResponseError::InvalidRequiredAcks.code());
    let large = "x".repeat(300);
    let refused = client.produce("a", 0, -1, batch(&[&large]));
    assert_eq!(refused.error_code, ResponseError::MessageTooLarge.code());
    assert!(refused.error_message.unwrap().contains("max.message.bytes"));
    assert_eq!(client.produce("a", 0, -1, batch(&["x"])).error_code, 0);
    broker.close_blocking();
}

#[test]
fn a_failed_produce_without_acknowledgement_closes_the_connection() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    client.send(12, &produce_request("a", 7, 0, batch(&["x"])));
    assert!(client.is_closed_by_broker());
    broker.close_blocking();
}

#[test]
fn a_duplicate_is_answered_with_its_first_offset_and_a_gap_is_refused() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let producer =
        |base_sequence| ProducerState { id: ProducerId(0), epoch: ProducerEpoch(0), base_sequence };
    assert_eq!(client.produce("a", 0, -1, batch_with(&["x", "y"], producer(0))).base_offset, 0);
    assert_eq!(client.produce("a", 0, -1, batch_with(&["z"], producer(2))).base_offset, 2);
    let again = client.produce("a", 0, -1, batch_with(&["x", "y"], producer(0)));
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    let gap = client.produce("a", 0, -1, batch_with(&["w"], producer(9)));
    assert_eq!(gap.error_code, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(client.fetch("a", 0, 0).high_watermark, 3);
    broker.close_blocking();
}

/// A message of a format before 2: checksum aside, magic and attributes stand where they always stood.
fn old_message(magic: u8) -> Bytes {
    let mut bytes = BytesMut::from(&batch(&["x"])[..]);
    bytes[16] = magic;
    bytes.freeze()
}

/// The codes of Apache Kafka 4.3, but for the missing records, to which it gives no answer at all.
#[test]
fn what_is_no_batch_is_refused_as_kafka_refuses_it() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let one = batch(&["x"]);
    let invalid = ResponseError::InvalidRecord.code();
    let cases = [
        ("no records", Bytes::new(), invalid),
        ("a part of a batch", one.slice(..one.len() - 3), invalid),
        ("two batches", [&one[..], &one[..]].concat().into(), invalid),
        ("format 0", old_message(0), invalid),
        ("format 1", old_message(1), invalid),
        ("format 3", old_message(3), ResponseError::CorruptMessage.code()),
    ];
    for (what, records, code) in cases {
        for version in [3, 8, 12] {
            let response = client.call(version, &produce_request("a", 0, -1, records.clone()));
            let refused = &response.responses[0].partition_responses[0];
            assert_eq!((refused.error_code, refused.base_offset), (code, -1), "{what}, version {version}");
        }
    }
    let mut request = produce_request("a", 0, -1, Bytes::new());
    request.topic_data[0].partition_data[0].records = None;
    let response = client.call(12, &request);
    assert_eq!(response.responses[0].partition_responses[0].error_code, invalid);
    assert_eq!(client.produce("a", 0, -1, one).base_offset, 0);
    broker.close_blocking();
}

#[test]
fn zstandard_goes_with_versions_that_know_it() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let mut writer = BatchWriter::new(Compression::Zstd, None);
    writer.append(1, None, Some(b"x"), []);
    let compressed = writer.finish().unwrap();
    for (version, code) in [(6, ResponseError::UnsupportedCompressionType.code()), (7, 0)] {
        let response = client.call(version, &produce_request("a", 0, -1, compressed.clone()));
        assert_eq!(response.responses[0].partition_responses[0].error_code, code, "version {version}");
    }
    broker.close_blocking();
}

#[test]
fn the_records_for_which_a_batch_is_refused_are_named() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]);
    client.create_topic("timely", 1, &[("message.timestamp.before.max.ms", "60000")]);
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let mut writer = BatchWriter::new(Compression::None, None);
    for (timestamp, key) in [(now, Some(&b"k"[..])), (1, None), (now, Some(b"k")), (1, None)] {
        writer.append(timestamp, key, Some(b"x"), []);
    }
    let records = writer.finish().unwrap();
    for (topic, code) in
        [("compacted", ResponseError::InvalidRecord), ("timely", ResponseError::InvalidTimestamp)]
    {
        let refused = client.produce(topic, 0, -1, records.clone());
        assert_eq!(refused.error_code, code.code(), "{topic}");
        let blamed: Vec<_> = refused.record_errors.iter().map(|record| record.batch_index).collect();
        assert_eq!(blamed, [1, 3], "{topic}");
        assert!(refused.record_errors.iter().all(|record| record.batch_index_error_message.is_some()));
    }
    let many = batch(&["x"; 1500]);
    assert_eq!(client.produce("compacted", 0, -1, many).record_errors.len(), 1000);
    broker.close_blocking();
}
