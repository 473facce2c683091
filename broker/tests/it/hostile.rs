//! Hostile input: whatever arrives, the process stays up and the other connections are served.

use std::net::TcpStream;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use millstream_broker::{Broker, BrokerConfig};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::client::{Client, batch, fetch_request, frame, name, records};

fn start(config: BrokerConfig) -> Broker {
    let broker = Broker::start_blocking(config).unwrap();
    Client::connect(&broker).create_topic("a", 1, &[]);
    broker
}

/// The broker serves others as if nothing had happened.
fn assert_serves(broker: &Broker) {
    let mut client = Client::connect(broker);
    assert_eq!(client.produce("a", 0, -1, batch(&["x"])).error_code, 0);
}

#[test]
fn frames_whose_length_no_request_has_close_their_connection() {
    let broker = start(BrokerConfig::ephemeral());
    for length in [0x7fff_ffff_i32, -1, 0, 3] {
        let mut client = Client::connect(&broker);
        client.send_raw(&length.to_be_bytes());
        assert!(client.is_closed_by_broker(), "length {length}");
    }
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn a_header_and_then_the_end_of_the_stream() {
    let broker = start(BrokerConfig::ephemeral());
    for sent in [2, 4, 10, 14] {
        let mut client = Client::connect(&broker);
        let whole = frame(3, 9, 1, true, &[0xff; 100]);
        client.send_raw(&whole[..sent]);
    }
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn a_hundred_connections_that_promise_a_large_frame_cost_nothing_and_hold_nobody_up() {
    let broker = start(BrokerConfig::ephemeral());
    let held: Vec<Client> = (0..100)
        .map(|_| {
            let mut client = Client::connect(&broker);
            let mut promise = BytesMut::new();
            promise.put_i32(100 << 20);
            promise.put_i16(0);
            client.send_raw(&promise);
            client
        })
        .collect();
    assert_serves(&broker);
    drop(held);
    broker.close_blocking();
}

/// The 61 bytes of a header, and where its fields lie.
mod at {
    pub(super) const BATCH_LENGTH: usize = 8;
    pub(super) const MAGIC: usize = 16;
    pub(super) const CRC: usize = 17;
    pub(super) const ATTRIBUTES: usize = 21;
    pub(super) const LAST_OFFSET_DELTA: usize = 23;
    pub(super) const COUNT: usize = 57;
}

#[test]
fn batches_that_contradict_themselves_are_refused() {
    let broker = start(BrokerConfig::ephemeral());
    let mut client = Client::connect(&broker);
    let good = batch(&["x", "y"]).to_vec();
    let changed = |position: usize, bytes: &[u8]| {
        let mut batch = good.clone();
        batch[position..position + bytes.len()].copy_from_slice(bytes);
        if position > at::CRC {
            let crc = millstream_wire::crc::crc32c(&batch[at::ATTRIBUTES..]);
            batch[at::CRC..at::CRC + 4].copy_from_slice(&crc.to_be_bytes());
        }
        batch
    };
    let bad = [
        ("a count of 2^31-1", changed(at::COUNT, &i32::MAX.to_be_bytes())),
        ("a count of -1", changed(at::COUNT, &(-1i32).to_be_bytes())),
        ("a last offset delta beyond the count", changed(at::LAST_OFFSET_DELTA, &9i32.to_be_bytes())),
        ("a length beyond the bytes", changed(at::BATCH_LENGTH, &i32::MAX.to_be_bytes())),
        ("a negative length", changed(at::BATCH_LENGTH, &(-5i32).to_be_bytes())),
        ("a wrong checksum", changed(at::CRC, &[0; 4])),
        ("magic 0", changed(at::MAGIC, &[0])),
        ("magic 1", changed(at::MAGIC, &[1])),
        ("magic 3", changed(at::MAGIC, &[3])),
        ("a control batch", changed(at::ATTRIBUTES, &0x20i16.to_be_bytes())),
        ("no batch", Vec::new()),
        ("half a header", good[..30].to_vec()),
    ];
    for (what, batch) in bad {
        assert_ne!(client.produce("a", 0, -1, batch.into()).error_code, 0, "{what}");
    }
    assert_eq!(client.fetch("a", 0, 0).high_watermark, 0, "nothing of it was written");
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn tls_and_http_on_the_port_are_closed() {
    let broker = start(BrokerConfig::ephemeral());
    for greeting in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let mut client = Client::connect(&broker);
        client.send_raw(greeting);
        assert!(client.is_closed_by_broker());
    }
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn keys_and_versions_that_are_not_served_close_their_connection() {
    let broker = start(BrokerConfig::ephemeral());
    for (key, version) in [(3, 99), (0, 0), (0, 2), (4, 0), (999, 0), (-1, 0), (1, -1)] {
        let mut client = Client::connect(&broker);
        client.send_raw(&frame(key, version, 1, false, &[0; 20]));
        assert!(client.is_closed_by_broker(), "key {key} version {version}");
    }
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn counts_that_the_frame_cannot_hold_are_refused_before_they_are_believed() {
    let broker = start(BrokerConfig::ephemeral());
    // A produce request whose array of topics claims four billion elements: twelve bytes.
    let claims = [
        (0, 9, &b"\x00\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x0f"[..]),
        (3, 9, b"\xff\xff\xff\xff\x0f"),
        (1, 4, &[0x7f; 40]),
    ];
    for (key, version, body) in claims {
        let mut client = Client::connect(&broker);
        client.send_raw(&frame(key, version, 1, version >= 9, body));
        assert!(client.is_closed_by_broker(), "key {key}");
    }
    assert_serves(&broker);
    broker.close_blocking();
}

/// Random bytes in the body of every API and version. The seed is printed when it fails.
#[test]
fn no_body_stops_the_broker() {
    let broker = start(BrokerConfig::ephemeral());
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let advertised = Client::connect(&broker).call(0, &ApiVersionsRequest::default());
    for api in advertised.api_keys {
        for version in api.min_version..=api.max_version {
            let mut body = vec![0; random.random_range(0..200)];
            random.fill_bytes(&mut body);
            let mut client = Client::connect(&broker);
            client.try_send_raw(&frame(api.api_key, version, 1, random.random(), &body));
        }
    }
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn names_without_end_create_a_bounded_number_of_topics() {
    let broker = start(BrokerConfig::ephemeral());
    let asked = |index| MetadataRequestTopic::default().with_name(Some(name(&format!("made-up-{index}"))));
    let request = MetadataRequest::default()
        .with_topics(Some((0..20_000).map(asked).collect()))
        .with_allow_auto_topic_creation(true);
    let mut client = Client::connect(&broker);
    let response = client.call(9, &request);
    assert_eq!(response.topics.len(), 20_000);
    let created = response.topics.iter().filter(|topic| topic.error_code == 0).count();
    assert!((1..=100).contains(&created), "{created} topics were created");
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert!(response.topics.iter().all(|topic| topic.error_code == 0 || topic.error_code == unknown));
    broker.close_blocking();
}

#[test]
fn more_connections_than_allowed_are_closed_and_a_place_is_free_again() {
    let limits = ["max.connections", "max.connections.per.ip"];
    for limit in limits {
        let broker = Broker::start_blocking(BrokerConfig::ephemeral().set(limit, "2").unwrap()).unwrap();
        let mut held: Vec<Client> = (0..2).map(|_| Client::connect(&broker)).collect();
        for client in &mut held {
            client.call(0, &ApiVersionsRequest::default());
        }
        assert!(Client::connect(&broker).is_closed_by_broker(), "{limit}");
        drop(held);
        let serves = || {
            let mut stream = Client::connect(&broker);
            stream.try_send_raw(&frame(18, 0, 1, false, &[]));
            stream.read_frame().is_some()
        };
        assert!(
            (0..200).any(|_| serves() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }),
            "{limit}"
        );
        broker.close_blocking();
    }
}

#[test]
fn a_frame_over_the_configured_limit_is_refused() {
    let broker = start(BrokerConfig::ephemeral().set("socket.request.max.bytes", "2048").unwrap());
    let mut client = Client::connect(&broker);
    client.try_send_raw(&frame(3, 9, 1, true, &[0; 4096]));
    assert!(client.is_closed_by_broker());
    assert_serves(&broker);
    broker.close_blocking();
}

#[test]
fn a_client_that_goes_away_while_its_fetch_waits_is_forgotten() {
    let broker = start(BrokerConfig::ephemeral().set("max.connections", "1").unwrap());
    let mut client = Client::connect(&broker);
    client.send(12, &fetch_request("a", 0, 0).with_max_wait_ms(i32::MAX).with_min_bytes(i32::MAX));
    drop(client);
    let reconnected = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        // A refused connection is closed at once, one that is served stays open.
        matches!(std::io::Read::read(&mut &stream, &mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(reconnected, "the waiting fetch held its connection's place");
    broker.close_blocking();
}

#[test]
fn a_thousand_fetched_partitions_that_do_not_exist_are_answered() {
    let broker = start(BrokerConfig::ephemeral());
    let mut client = Client::connect(&broker);
    let mut request = fetch_request("a", 0, 0).with_max_bytes(i32::MAX);
    request.topics[0].partitions =
        (0..10_000).map(|index| crate::client::fetch_partition(index, 0)).collect();
    let response = client.call(12, &request);
    let partitions = &response.responses[0].partitions;
    assert_eq!(partitions.len(), 10_000);
    assert_eq!(partitions.iter().filter(|partition| partition.error_code == 0).count(), 1);
    assert_eq!(records(&partitions[0].records), []);
    broker.close_blocking();
}
