//! A client that speaks the protocol and nothing else: one socket, one request at a time unless told otherwise.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ApiKey, CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use millstream_broker::Broker;
use millstream_wire::batch::{BatchWriter, Batches, ProducerState};
use millstream_wire::compression::Compression;
use uuid::Uuid;

/// A connection. Reads give up after a while, so that a broker that does not answer fails the test.
pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call<Q: Request + Encodable>(&mut self, version: i16, request: &Q) -> Q::Response
    where
        Q::Response: Decodable + HeaderVersion,
    {
        self.send(version, request);
        self.receive::<Q>(version)
    }

    pub(crate) fn send<Q: Request + Encodable>(&mut self, version: i16, request: &Q) {
        self.correlation_id += 1;
        let mut body = BytesMut::new();
        request.encode(&mut body, version).unwrap();
        let key = ApiKey::try_from(Q::KEY).unwrap();
        let is_flexible = key.request_header_version(version) >= 2;
        self.send_raw(&frame(Q::KEY, version, self.correlation_id, is_flexible, &body));
    }

    /// Reads an answer, which must be taken to its last byte.
    pub(crate) fn receive<Q: Request>(&mut self, version: i16) -> Q::Response
    where
        Q::Response: Decodable + HeaderVersion,
    {
        let mut frame = self.read_frame().expect("the broker closed the connection");
        let _correlation_id = frame.get_i32();
        if Q::Response::header_version(version) >= 1 {
            assert_eq!(frame.get_u8(), 0, "tagged fields of the header");
        }
        let response = Q::Response::decode(&mut frame, version).unwrap();
        assert!(!frame.has_remaining(), "{} bytes are left of the answer", frame.remaining());
        response
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends what the broker may not read to its end.
    pub(crate) fn try_send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame, or nothing when the broker has closed the connection.
    pub(crate) fn read_frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        if let Err(error) = self.stream.read_exact(&mut length) {
            assert!(!is_timeout(&error), "the broker neither answers nor closes");
            return None;
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame.into())
    }

    pub(crate) fn is_closed_by_broker(&mut self) -> bool {
        self.read_frame().is_none()
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic(name, partitions, configs)])
            .with_timeout_ms(10_000);
        let response = self.call(7, &request);
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        response.topics[0].topic_id
    }

    /// Produces to one partition with version 12.
    pub(crate) fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        acks: i16,
        records: Bytes,
    ) -> PartitionProduceResponse {
        let response = self.call(12, &produce_request(topic, partition, acks, records));
        response.responses[0].partition_responses[0].clone()
    }

    /// Fetches one partition with version 12, without a session.
    pub(crate) fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let response = self.call(12, &fetch_request(topic, partition, offset));
        assert_eq!(response.error_code, 0);
        response.responses[0].partitions[0].clone()
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// A frame with its header.
pub(crate) fn frame(
    api_key: i16,
    version: i16,
    correlation_id: i32,
    is_flexible: bool,
    body: &[u8],
) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    frame.put_i16(api_key);
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(4);
    frame.put_slice(b"test");
    if is_flexible {
        frame.put_u8(0);
    }
    frame.put_slice(body);
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn topic(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let config = |(name, value): &(&str, &str)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(-1)
        .with_configs(configs.iter().map(config).collect())
}

pub(crate) fn produce_request(topic: &str, partition: i32, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let data = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(10_000).with_topic_data(vec![data])
}

pub(crate) fn fetch_partition(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_last_fetched_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(1 << 20)
}

pub(crate) fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let topic = FetchTopic::default()
        .with_topic(name(topic))
        .with_partitions(vec![fetch_partition(partition, offset)]);
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// A batch of records without keys.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(values, ProducerState::NONE)
}

/// A batch of an idempotent producer.
pub(crate) fn batch_with(values: &[&str], producer: ProducerState) -> Bytes {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    timed_batch(values, producer, i64::try_from(now.as_millis()).unwrap())
}

/// A batch whose records have times one ms apart.
pub(crate) fn timed_batch(values: &[&str], producer: ProducerState, first_timestamp: i64) -> Bytes {
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.set_producer(producer);
    for (timestamp, value) in (first_timestamp..).zip(values) {
        writer.append(timestamp, None, Some(value.as_bytes()), []);
    }
    writer.finish().unwrap()
}

/// Offsets and values of fetched batches.
pub(crate) fn records(bytes: &Option<Bytes>) -> Vec<(i64, String)> {
    let mut read = Vec::new();
    let mut scratch = Vec::new();
    for batch in Batches::new(bytes.as_deref().unwrap_or_default()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in batch.records(&mut scratch, 1 << 20).unwrap() {
            let record = record.unwrap();
            read.push((record.offset.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    read
}
