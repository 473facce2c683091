//! Produce: acknowledgements, refusals, idempotence.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use millstream_broker::{Broker, BrokerConfig};
use millstream_wire::batch::ProducerState;
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
