//! A cluster of two nodes that are two doors to one broker: each leads every other partition, and misbehaves on order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{
    ApiKey, BrokerId, FetchRequest, FetchResponse, MetadataResponse, RequestHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Consumer, ErrorCode, Event, OffsetReset, Producer, ProducerRecord, TopicPartition};
use millstream_wire::messages::response_header_version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::broker::{admin, create_topic};

const WAIT: Duration = Duration::from_secs(30);

/// One door.
#[derive(Default)]
struct Node {
    port: i32,
    /// Takes in records and says nothing.
    silent: AtomicBool,
    /// Answers a fetch with this node as the nearer one, if it is above 0.
    prefers: AtomicI32,
    /// Refuses fetches with this code, if it is not 0.
    refuses: AtomicI32,
    fetches: AtomicUsize,
    /// Times it was asked for metadata.
    asked: AtomicUsize,
}

struct Doors {
    broker: SocketAddr,
    nodes: [Node; 2],
}

async fn open() -> (Broker, Arc<Doors>) {
    let broker = Broker::start(BrokerConfig::ephemeral()).await.unwrap();
    let listeners =
        [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let node = |listener: &TcpListener| Node {
        port: listener.local_addr().unwrap().port().into(),
        ..Node::default()
    };
    let doors = Doors { broker: broker.address(), nodes: [node(&listeners[0]), node(&listeners[1])] };
    let doors = Arc::new(doors);
    for (at, listener) in listeners.into_iter().enumerate() {
        let doors = Arc::clone(&doors);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let doors = Arc::clone(&doors);
                tokio::spawn(async move { doors.serve(at, client).await });
            }
        });
    }
    (broker, doors)
}

async fn frame(stream: &mut TcpStream) -> std::io::Result<Bytes> {
    let mut bytes = vec![0; stream.read_i32().await? as usize];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes.into())
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(&[&(bytes.len() as i32).to_be_bytes(), bytes].concat()).await
}

impl Doors {
    fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].port)
    }

    async fn serve(&self, at: usize, mut client: TcpStream) -> std::io::Result<()> {
        let mut upstream = TcpStream::connect(self.broker).await?;
        let node = &self.nodes[at];
        loop {
            let request = frame(&mut client).await?;
            let key = i16::from_be_bytes([request[0], request[1]]);
            let version = i16::from_be_bytes([request[2], request[3]]);
            if key == ApiKey::Produce as i16 {
                while node.silent.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            if key == ApiKey::Fetch as i16 {
                node.fetches.fetch_add(1, Ordering::Relaxed);
                let (prefers, refuses) = (&node.prefers, &node.refuses);
                let told = (prefers.load(Ordering::Relaxed), refuses.load(Ordering::Relaxed));
                if told != (0, 0) {
                    send(&mut client, &elsewhere(request, version, told)).await?;
                    continue;
                }
            }
            send(&mut upstream, &request).await?;
            let mut answer = frame(&mut upstream).await?;
            if key == ApiKey::Metadata as i16 {
                node.asked.fetch_add(1, Ordering::Relaxed);
                answer = self.as_two(answer, version);
            }
            send(&mut client, &answer).await?;
        }
    }

    /// The metadata of the one broker as that of two.
    fn as_two(&self, answer: Bytes, version: i16) -> Bytes {
        let head = 4 + usize::from(response_header_version(ApiKey::Metadata as i16, version) > 0);
        let mut response = MetadataResponse::decode(&mut answer.slice(head..), version).unwrap();
        let broker = |(at, node): (usize, &Node)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(at as i32 + 1))
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(node.port)
        };
        response.brokers = self.nodes.iter().enumerate().map(broker).collect();
        response.controller_id = BrokerId(1);
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.leader_id = BrokerId(1 + partition.partition_index % 2);
        }
        let mut bytes = BytesMut::from(&answer[..head]);
        response.encode(&mut bytes, version).unwrap();
        bytes.freeze()
    }
}

/// An answer to a fetch that brings nothing.
fn elsewhere(mut request: Bytes, version: i16, (prefers, refuses): (i32, i32)) -> Bytes {
    let header = RequestHeader::decode(&mut request, ApiKey::Fetch.request_header_version(version)).unwrap();
    let request = FetchRequest::decode(&mut request, version).unwrap();
    let topics = request.topics.iter().map(|topic| {
        let partition = |partition: &kafka_protocol::messages::fetch_request::FetchPartition| {
            PartitionData::default()
                .with_partition_index(partition.partition)
                .with_error_code(refuses as i16)
                .with_preferred_read_replica(BrokerId(if prefers > 0 { prefers } else { -1 }))
                .with_records(Some(Bytes::new()))
        };
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions.iter().map(partition).collect())
    });
    let response = FetchResponse::default().with_responses(topics.collect());
    let mut bytes = BytesMut::new();
    bytes.put_i32(header.correlation_id);
    bytes.put_bytes(0, usize::from(response_header_version(ApiKey::Fetch as i16, version) > 0));
    response.encode(&mut bytes, version).unwrap();
    bytes.freeze()
}

async fn one(consumer: &mut Consumer) -> u32 {
    loop {
        let Event::Fetched(fetched) = consumer.poll(WAIT).await.unwrap().expect("a record") else { continue };
        let mut found = None;
        fetched
            .for_each(|record| {
                found = Some(u32::from_be_bytes(record.value.unwrap().try_into().unwrap()));
                Ok(())
            })
            .unwrap();
        return found.unwrap();
    }
}

#[tokio::test]
async fn a_consumer_reads_from_the_replica_that_the_leader_prefers_while_it_serves() {
    let (broker, doors) = open().await;
    let topic = create_topic(&doors.bootstrap(), "near", 1).await;
    let producer = Producer::builder().bootstrap(&doors.bootstrap()).build().await.unwrap();
    let config = Consumer::builder().bootstrap(&doors.bootstrap()).auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = config.set("client.rack", "b").unwrap().build().await.unwrap();
    let write = async |n: u32| {
        producer.send(ProducerRecord::to(&topic).value(&n.to_be_bytes())).await.unwrap().await.unwrap();
    };
    let fetches = |at: usize| doors.nodes[at].fetches.load(Ordering::Relaxed);

    doors.nodes[0].prefers.store(2, Ordering::Relaxed);
    consumer.assign([TopicPartition::new(topic.as_str(), 0)]);
    write(0).await;
    assert_eq!(one(&mut consumer).await, 0);
    let of_leader = fetches(0);
    for n in 1..4 {
        write(n).await;
        assert_eq!(one(&mut consumer).await, n);
    }
    assert!(fetches(1) >= 4);
    assert_eq!(fetches(0), of_leader, "the leader is not asked any more");

    // The replica is behind, or is none any more: the leader decides, and nothing is reset.
    for refusal in [ErrorCode::OffsetOutOfRange, ErrorCode::NotLeaderOrFollower] {
        doors.nodes[0].prefers.store(0, Ordering::Relaxed);
        doors.nodes[1].refuses.store(refusal.code().into(), Ordering::Relaxed);
        write(10).await;
        assert_eq!(one(&mut consumer).await, 10);
        doors.nodes[1].refuses.store(0, Ordering::Relaxed);
        doors.nodes[0].prefers.store(2, Ordering::Relaxed);
        let before = fetches(1);
        write(11).await;
        assert_eq!(one(&mut consumer).await, 11);
        assert!(fetches(1) > before);
    }
    broker.close().await;
}

/// Records without a key go where they are taken, once a broker has taken none for the time-out.
#[tokio::test]
async fn a_broker_that_takes_nothing_is_passed_over() {
    let (broker, doors) = open().await;
    let topic = create_topic(&doors.bootstrap(), "spread", 4).await;
    let config = Producer::builder().bootstrap(&doors.bootstrap()).batch_size(1).linger(Duration::ZERO);
    let config = config.set("partitioner.availability.timeout.ms", "100").unwrap();
    let producer = config.build().await.unwrap();
    let send = async || producer.send(ProducerRecord::to(&topic).value("v")).await.unwrap();
    let of_second = |partition: i32| partition % 2 == 1;

    doors.nodes[1].silent.store(true, Ordering::Relaxed);
    let mut stuck = Vec::new();
    // Five requests may be on their way, each with a batch of both partitions; a broker stalls when more wait.
    while stuck.len() < 20 {
        let delivery = send().await;
        if of_second(delivery.partition()) {
            stuck.push(delivery);
        } else {
            delivery.await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The choice that was made before it stalled.
    stuck.push(send().await);
    for _ in 0..200 {
        let delivery = send().await;
        assert!(!of_second(delivery.partition()));
        delivery.await.unwrap();
    }
    doors.nodes[1].silent.store(false, Ordering::Relaxed);
    for delivery in stuck {
        delivery.await.unwrap();
    }
    let deadline = Instant::now() + WAIT;
    // Taken up again.
    while !of_second(send().await.partition()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(Instant::now() < deadline);
    }
    producer.close().await.unwrap();
    broker.close().await;
}

/// The metadata is asked for every `retry.backoff.ms` then, not as fast as the network carries it.
#[tokio::test]
async fn whoever_waits_for_a_topic_that_is_gone_waits_quietly() {
    let (broker, doors) = open().await;
    let config = Consumer::builder().bootstrap(&doors.bootstrap()).auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = config.set("allow.auto.create.topics", "false").unwrap().build().await.unwrap();
    let topic = create_topic(&doors.bootstrap(), "gone", 1).await;
    consumer.assign([TopicPartition::new(topic.as_str(), 0)]);
    let producer = Producer::builder().bootstrap(&doors.bootstrap()).build().await.unwrap();
    producer.send(ProducerRecord::to(&topic).value(&7_u32.to_be_bytes())).await.unwrap().await.unwrap();
    assert_eq!(one(&mut consumer).await, 7);
    drop(producer);
    admin(&doors.bootstrap()).await.delete_topics([&topic]).await.unwrap().remove(0).1.unwrap();
    let asked = || doors.nodes.iter().map(|node| node.asked.load(Ordering::Relaxed)).sum::<usize>();
    let before = asked();
    assert!(consumer.poll(Duration::from_secs(2)).await.unwrap().is_none());
    let times = asked() - before;
    assert!((1..60).contains(&times), "asked {times} times in two seconds");

    create_topic(&doors.bootstrap(), &topic, 1).await;
    let producer = Producer::builder().bootstrap(&doors.bootstrap()).build().await.unwrap();
    producer.send(ProducerRecord::to(&topic).value(&8_u32.to_be_bytes())).await.unwrap().await.unwrap();
    assert_eq!(one(&mut consumer).await, 8);
    broker.close().await;
}
