//! A disk whose fsync hangs, under a broker that has none of its own threads but those that flush.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ApiKey, ProduceRequest as Message, ProduceResponse, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use millstream_wire::batch::BatchWriter;

use super::*;
use crate::metadata::NewTopic;
use crate::server::Part;
use crate::storage::simulated::SimulatedStorage;

const VERSION: i16 = 12;

async fn produce(shared: &Arc<Shared>, topic: &str, timeout_ms: i32) -> PartitionProduceResponse {
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.append(now_ms(), None, Some(b"x"), []);
    let data = PartitionProduceData::default().with_records(Some(writer.finish().unwrap()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![data]);
    let message = Message::default().with_acks(-1).with_timeout_ms(timeout_ms).with_topic_data(vec![topic]);
    let mut body = BytesMut::new();
    message.encode(&mut body, VERSION).unwrap();
    let header = ReplyHeader { api_key: ApiKey::Produce, version: VERSION, correlation_id: 1 };
    let reply = match handle(shared, header, "test", body.freeze()).unwrap() {
        Answer::Ready(reply) => reply,
        Answer::Waiting(reply) => reply.await.unwrap(),
        Answer::None => panic!("there is an answer"),
    };
    let Some(Part::Bytes(mut bytes)) = reply.parts.into_iter().next() else { panic!("no file is sent") };
    bytes.advance(9);
    ProduceResponse::decode(&mut bytes, VERSION).unwrap().responses.remove(0).partition_responses.remove(0)
}

#[tokio::test]
async fn a_hanging_fsync_is_told_after_the_time_that_the_client_gave_and_holds_up_nobody_else() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    for topic in ["hangs", "works"] {
        shared.metadata.create_topic(NewTopic::with_defaults(topic)).await.unwrap();
    }
    disk.hold_sync(Some("/hangs-0/"));
    // With a clock of its own, which goes on when there is nothing to do but to wait.
    tokio::time::pause();
    let begun = Instant::now();
    let answer = produce(&shared, "hangs", 30_000).await;
    assert_eq!(answer.error_code, ResponseError::RequestTimedOut.code());
    assert_eq!(answer.base_offset, 0, "it is in the log");
    assert!(begun.elapsed() >= Duration::from_secs(30));
    let begun = Instant::now();
    assert_eq!(produce(&shared, "hangs", 0).await.error_code, answer.error_code);
    assert!(begun.elapsed() >= Duration::from_secs(1), "no time at all is no time for a disk");
    for _ in 0..5 {
        assert_eq!(produce(&shared, "hangs", 0).await.error_code, answer.error_code);
    }
    tokio::time::resume();

    for offset in 0..20 {
        let answer = produce(&shared, "works", i32::MAX).await;
        assert_eq!((answer.error_code, answer.base_offset), (0, offset));
    }
    let partition = shared.metadata.partition("hangs", 0).unwrap();
    assert_eq!(partition.high_watermark(), Offset(0), "nobody may read what is not durable");
    disk.hold_sync(None);
    partition.wait_for(Offset(0)).await.unwrap();
    assert_eq!(produce(&shared, "hangs", i32::MAX).await.base_offset, 7);
}
