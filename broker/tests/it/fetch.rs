//! Fetch: limits, long polling, sessions.

use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use millstream_broker::{Broker, BrokerConfig};

use crate::client::{Client, batch, fetch_partition, fetch_request, name, produce_request, records};

fn start() -> (Broker, Client) {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 3, &[]);
    (broker, client)
}

#[test]
fn large_batches_pass_through_the_kernel_unchanged() {
    let (broker, mut client) = start();
    let values: Vec<String> = (0..40).map(|index| format!("{index}-{}", "x".repeat(20_000))).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for values in values.chunks(10) {
        assert_eq!(client.produce("a", 0, -1, batch(values)).error_code, 0);
    }
    let read: Vec<_> =
        records(&client.fetch("a", 0, 0).records).into_iter().map(|(_, value)| value).collect();
    assert_eq!(read, values);
    broker.close_blocking();
}

#[test]
fn one_batch_is_sent_however_small_the_limits() {
    let (broker, mut client) = start();
    for partition in 0..2 {
        client.produce("a", partition, -1, batch(&["first"]));
        client.produce("a", partition, -1, batch(&["second"]));
    }
    let mut request = fetch_request("a", 0, 0).with_max_bytes(1);
    request.topics[0].partitions = vec![fetch_partition(0, 0), fetch_partition(1, 0)];
    request.topics[0].partitions[0].partition_max_bytes = 1;
    let response = client.call(12, &request);
    let read: Vec<_> =
        response.responses[0].partitions.iter().map(|partition| records(&partition.records)).collect();
    assert_eq!(read, [vec![(0, "first".to_owned())], vec![]]);
    broker.close_blocking();
}

#[test]
fn a_fetch_waits_for_records_and_is_woken_by_them() {
    let (broker, mut client) = start();
    let mut producer = Client::connect(&broker);
    client.send(12, &fetch_request("a", 1, 0).with_max_wait_ms(15_000));
    thread::sleep(Duration::from_millis(100));
    producer.produce("a", 1, -1, batch(&["x"]));
    let response = client.receive::<FetchRequest>(12);
    assert_eq!(records(&response.responses[0].partitions[0].records).len(), 1);
    broker.close_blocking();
}

#[test]
fn a_fetch_waits_for_as_many_bytes_as_it_asked_for() {
    let (broker, mut client) = start();
    let mut producer = Client::connect(&broker);
    let one = batch(&["x"]).len();
    client.send(12, &fetch_request("a", 1, 0).with_max_wait_ms(15_000).with_min_bytes(3 * one as i32));
    for _ in 0..3 {
        producer.produce("a", 1, -1, batch(&["x"]));
    }
    let response = client.receive::<FetchRequest>(12);
    assert_eq!(records(&response.responses[0].partitions[0].records).len(), 3);
    broker.close_blocking();
}

#[test]
fn an_empty_fetch_is_answered_when_its_time_is_over() {
    let (broker, mut client) = start();
    let begin = Instant::now();
    let response = client.call(12, &fetch_request("a", 1, 0).with_max_wait_ms(50));
    assert_eq!(records(&response.responses[0].partitions[0].records), []);
    assert!(begin.elapsed() >= Duration::from_millis(50));
    broker.close_blocking();
}

#[test]
fn offsets_epochs_and_topics_that_do_not_exist_are_named() {
    let (broker, mut client) = start();
    client.produce("a", 0, -1, batch(&["x"]));
    let code = |client: &mut Client, request: &FetchRequest| {
        client.call(12, request).responses[0].partitions[0].error_code
    };
    assert_eq!(code(&mut client, &fetch_request("a", 0, 2)), ResponseError::OffsetOutOfRange.code());
    assert_eq!(
        code(&mut client, &fetch_request("nope", 0, 0)),
        ResponseError::UnknownTopicOrPartition.code()
    );
    let mut request = fetch_request("a", 0, 0);
    request.topics[0].partitions[0].current_leader_epoch = 5;
    assert_eq!(code(&mut client, &request), ResponseError::UnknownLeaderEpoch.code());
    request.topics[0].partitions[0] = fetch_partition(0, 5).with_last_fetched_epoch(0);
    let response = client.call(12, &request);
    let partition = &response.responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.diverging_epoch.end_offset), (0, 1));
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = uuid::Uuid::from_u128(99);
    let response = client.call(13, &request);
    assert_eq!(response.responses[0].partitions[0].error_code, ResponseError::UnknownTopicId.code());
    broker.close_blocking();
}

fn session_request(id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions: Vec<_> =
        partitions.iter().map(|(index, offset)| fetch_partition(*index, *offset)).collect();
    let topics = match partitions.is_empty() {
        true => Vec::new(),
        false => vec![FetchTopic::default().with_topic(name("a")).with_partitions(partitions)],
    };
    fetch_request("a", 0, 0).with_session_id(id).with_session_epoch(epoch).with_topics(topics)
}

fn answered(response: &FetchResponse) -> Vec<i32> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.partition_index).collect()
}

#[test]
fn a_session_answers_what_is_new_and_nothing_else() {
    let (broker, mut client) = start();
    client.produce("a", 1, -1, batch(&["x"]));
    let first = client.call(12, &session_request(0, 0, &[(0, 0), (1, 0), (2, 0)]));
    assert_eq!(answered(&first), [0, 1, 2], "the first answer tells of all partitions");
    let id = first.session_id;
    assert_ne!(id, 0);
    let second = client.call(12, &session_request(id, 1, &[(1, 1)]));
    assert_eq!(answered(&second), Vec::<i32>::new());
    client.produce("a", 2, -1, batch(&["y"]));
    let third = client.call(12, &session_request(id, 2, &[]));
    assert_eq!(answered(&third), [2]);
    let forgotten = ForgottenTopic::default().with_topic(name("a")).with_partitions(vec![2]);
    let fourth = client.call(12, &session_request(id, 3, &[]).with_forgotten_topics_data(vec![forgotten]));
    assert_eq!(answered(&fourth), Vec::<i32>::new());
    broker.close_blocking();
}

#[test]
fn a_session_out_of_turn_or_unknown_is_refused() {
    let (broker, mut client) = start();
    let id = client.call(12, &session_request(0, 0, &[(0, 0)])).session_id;
    let code = |client: &mut Client, id, epoch| client.call(12, &session_request(id, epoch, &[])).error_code;
    assert_eq!(code(&mut client, id, 7), ResponseError::InvalidFetchSessionEpoch.code());
    assert_eq!(code(&mut client, id + 1, 1), ResponseError::FetchSessionIdNotFound.code());
    assert_eq!(code(&mut client, id, 1), 0);
    // Epoch -1 ends the session.
    client.call(12, &session_request(id, -1, &[(0, 0)]));
    assert_eq!(code(&mut client, id, 2), ResponseError::FetchSessionIdNotFound.code());
    broker.close_blocking();
}

#[test]
fn when_the_sessions_run_out_clients_are_served_without() {
    let config = BrokerConfig::ephemeral().set("max.incremental.fetch.session.cache.slots", "2").unwrap();
    let broker = Broker::start_blocking(config).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 1, &[]);
    client.send(12, &produce_request("a", 0, 1, batch(&["x"])));
    client.receive::<kafka_protocol::messages::ProduceRequest>(12);
    let ids: Vec<i32> =
        (0..5).map(|_| client.call(12, &session_request(0, 0, &[(0, 0)])).session_id).collect();
    assert_eq!(ids.iter().filter(|id| **id != 0).count(), 2);
    let response = client.call(12, &session_request(0, 0, &[(0, 0)]));
    assert_eq!((response.session_id, answered(&response)), (0, vec![0]));
    broker.close_blocking();
}
