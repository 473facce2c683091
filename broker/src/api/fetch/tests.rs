//! Fetches of records that are on the disk and not in memory. The test's thread is the connections' thread.

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{ApiKey, FetchResponse, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use millstream_wire::batch::{BatchWriter, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::ids::Offset;

use super::*;
use crate::log::{AppendOrigin, Partition, ReadUpTo};
use crate::metadata::NewTopic;
use crate::server::Part;
use crate::storage::simulated::SimulatedStorage;

const VERSION: i16 = 12;
const NOW: i64 = 1_700_000_000_000;
/// Every file of the partition.
const FILES: &str = "/cold-0/";
/// The log file of its first segment.
const FIRST_LOG: &str = "/cold-0/00000000000000000000.log";

const BATCHES: i64 = 10;
const BATCH_BYTES: usize = 300_000;
const SEGMENT_BYTES: &str = "1048576";

fn append(partition: &Arc<Partition>, number: i64) {
    let mut writer = BatchWriter::new(Compression::None, None);
    let value = vec![number as u8; BATCH_BYTES];
    writer.append(NOW, None, Some(&value), NO_HEADERS);
    partition.append(writer.finish().unwrap(), AppendOrigin::Client, NOW).unwrap();
}

/// A topic of some segments that nobody has read from; returns its one partition.
async fn write(shared: &Arc<Shared>, topic: &str) -> Arc<Partition> {
    let mut new = NewTopic::with_defaults(topic);
    new.values.insert("segment.bytes".into(), SEGMENT_BYTES.into());
    shared.metadata.create_topic(new).await.unwrap();
    let partition = shared.metadata.partition(topic, 0).unwrap();
    (0..BATCHES).for_each(|number| append(&partition, number));
    partition.flush().unwrap();
    partition
}

/// The same, with its segments open; returns all bytes of it, too.
async fn fill(shared: &Arc<Shared>) -> (Arc<Partition>, Vec<u8>) {
    let partition = write(shared, "cold").await;
    let mut bytes = Vec::new();
    for offset in 0..BATCHES {
        let batch = partition.read(Offset(offset), 1, ReadUpTo::HighWatermark, true).unwrap();
        bytes.extend_from_slice(&batch.bytes().unwrap());
    }
    (partition, bytes)
}

fn request(offset: i64) -> FetchRequest {
    request_of("cold", offset)
}

fn request_of(topic: &'static str, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_static_str(topic)))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_min_bytes(1)
        .with_max_bytes(i32::MAX)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

fn begin(shared: &Arc<Shared>, request: &FetchRequest) -> Answer {
    let mut body = BytesMut::new();
    request.encode(&mut body, VERSION).unwrap();
    let header = ReplyHeader { api_key: ApiKey::Fetch, version: VERSION, correlation_id: 1 };
    handle(shared, header, body.freeze()).unwrap()
}

fn decode(reply: Reply) -> FetchResponse {
    let mut bytes = BytesMut::new();
    for part in reply.parts {
        let Part::Bytes(part) = part else { panic!("a simulated file has no descriptor to send from") };
        bytes.extend_from_slice(&part);
    }
    const LENGTH_AND_HEADER: usize = 9;
    FetchResponse::decode(&mut bytes.freeze().slice(LENGTH_AND_HEADER..), VERSION).unwrap()
}

async fn fetch(shared: &Arc<Shared>, request: &FetchRequest) -> FetchResponse {
    decode(match begin(shared, request) {
        Answer::Ready(reply) => reply,
        Answer::Waiting(reply) => reply.await.unwrap(),
        Answer::None => panic!("a fetch has an answer"),
    })
}

fn only_partition(response: &FetchResponse) -> &PartitionData {
    &response.responses[0].partitions[0]
}

/// Reads from the first record to the last.
async fn fetch_all(shared: &Arc<Shared>, total: usize) -> Vec<u8> {
    let (mut read, mut offset) = (Vec::new(), 0);
    while read.len() < total {
        let response = fetch(shared, &request(offset)).await;
        let records = only_partition(&response).records.clone().unwrap();
        assert!(!records.is_empty(), "nothing at {offset}");
        read.extend_from_slice(&records);
        offset += (records.len() / BATCH_BYTES) as i64;
    }
    read
}

fn assert_read_elsewhere(disk: &SimulatedStorage) {
    let readers = disk.cold_reads();
    assert!(!readers.is_empty(), "nothing was cold");
    assert!(!readers.contains(&std::thread::current().id()), "the connections' thread waited for the disk");
}

#[tokio::test]
async fn what_is_in_memory_is_answered_at_once() {
    let shared = Shared::simulated(&SimulatedStorage::new(1));
    let (partition, all) = fill(&shared).await;
    let last = BATCHES - 1;
    let Answer::Ready(reply) = begin(&shared, &request(last)) else { panic!("it waits for nothing") };
    let records = only_partition(&decode(reply)).records.clone().unwrap();
    assert_eq!(records, all[all.len() - records.len()..]);
    assert_eq!(partition.high_watermark(), Offset(BATCHES));
}

#[tokio::test]
async fn a_cold_log_is_read_off_the_connections_thread_byte_for_byte() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    let (_, all) = fill(&shared).await;
    disk.make_cold(FILES, 0);
    assert!(fetch_all(&shared, all.len()).await == all);
    assert_read_elsewhere(&disk);
}

#[tokio::test]
async fn so_is_a_range_of_which_the_end_alone_is_cold() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    let (_, all) = fill(&shared).await;
    // The segment is open, and its index and the first header are in memory: a look-up does not meet the disk.
    fetch(&shared, &request(0)).await;
    disk.make_cold(FIRST_LOG, BATCH_BYTES as u64 / 2);
    let response = fetch(&shared, &request(0)).await;
    let records = only_partition(&response).records.clone().unwrap();
    assert!(records.len() > BATCH_BYTES && records == all[..records.len()]);
    assert_read_elsewhere(&disk);
}

#[tokio::test]
async fn a_session_goes_on_after_a_cold_answer() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    let (_, all) = fill(&shared).await;
    disk.make_cold(FILES, 0);
    let opened = fetch(&shared, &request(0).with_session_epoch(0)).await;
    let first = only_partition(&opened).records.clone().unwrap();
    let next = (first.len() / BATCH_BYTES) as i64;
    let again = request(next).with_session_id(opened.session_id).with_session_epoch(1);
    let response = fetch(&shared, &again).await;
    assert_eq!(response.error_code, 0);
    let records = only_partition(&response).records.clone().unwrap();
    assert!(!records.is_empty() && records == all[first.len()..first.len() + records.len()]);
    assert_read_elsewhere(&disk);
}

#[tokio::test]
async fn a_cold_log_that_cannot_be_read_is_an_error_of_its_partition() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    let (partition, _) = fill(&shared).await;
    disk.make_cold(FILES, 0);
    disk.break_read(Some(FILES));
    let response = fetch(&shared, &request(0)).await;
    assert_eq!(only_partition(&response).error_code, ResponseError::KafkaStorageError.code());
    assert!(partition.is_offline());
}

#[tokio::test]
async fn a_disk_that_hangs_under_a_look_up_holds_up_no_append_and_no_other_partition() {
    let disk = SimulatedStorage::new(1);
    let shared = Shared::simulated(&disk);
    let (partition, all) = fill(&shared).await;
    write(&shared, "cold-and-closed").await;
    write(&shared, "warm").await;
    fetch(&shared, &request_of("warm", 0)).await;
    disk.make_cold("/cold", 0);
    disk.hold_read(Some("/cold"));
    let waiting = ["cold", "cold-and-closed"].map(|topic| match begin(&shared, &request_of(topic, 0)) {
        Answer::Waiting(reply) => tokio::spawn(reply),
        _ => panic!("{topic} is cold"),
    });
    while disk.hung_reads() < waiting.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (done, told) = std::sync::mpsc::channel();
    let begun = shared.clone();
    std::thread::spawn(move || {
        append(&partition, BATCHES);
        let warm = begin(&begun, &request_of("warm", 0));
        let _ = done.send(matches!(warm, Answer::Ready(_)));
    });
    // Without a limit the fault would be a test that does not end.
    let answered = told.recv_timeout(Duration::from_secs(60));
    disk.hold_read(None);
    assert_eq!(answered, Ok(true));
    for reply in waiting {
        let response = decode(reply.await.unwrap().unwrap());
        let records = only_partition(&response).records.clone().unwrap();
        assert!(!records.is_empty() && records == all[..records.len()]);
    }
}
