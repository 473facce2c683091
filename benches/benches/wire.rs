//! Record batches and the produce path, beside the same work in `kafka-protocol`'s own code.
//!
//! `cargo bench -p millstream-benches --bench wire`. Reach: a record of a batch of 1,000 read in 30 ns and appended in
//! 32 ns, the opaque produce path (walk, decode, checks with CRC, prefix patch) in 4 us for a batch of 121 KB.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark stops where its own input is wrong"
)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{
    Compression as TheirCompression, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use millstream_wire::batch::{
    Batch, BatchWriter, NO_HEADERS, ProduceLimits, patch_prefix, validate_produced,
};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{LeaderEpoch, Offset};
use millstream_wire::walk::walk_request;

const RECORDS: usize = 1_000;
const KEY: &[u8; 10] = b"0123456789";
const VALUE: [u8; 100] = [b'v'; 100];
const LIMITS: ProduceLimits = ProduceLimits { max_batch_bytes: 1 << 20 };
const PRODUCE_VERSION: i16 = 9;

/// 1,000 records of 10 + 100 bytes.
fn plain_batch() -> Bytes {
    let mut writer = BatchWriter::new(Compression::None, None);
    for index in 0..RECORDS {
        writer.append(1_700_000_000_000 + index as i64, Some(KEY), Some(&VALUE), NO_HEADERS);
    }
    writer.finish().expect("an uncompressed batch has no codec to fail")
}

/// A batch of 121 KB after compression: of noise, which no codec makes smaller.
fn compressed_batch() -> Bytes {
    let mut state = 1u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let mut writer = BatchWriter::new(Compression::Lz4, None);
    for index in 0..RECORDS {
        let value: Vec<u8> = (0..111).map(|_| noise()).collect();
        writer.append(1_700_000_000_000 + index as i64, None, Some(&value), NO_HEADERS);
    }
    writer.finish().expect("lz4 does not fail")
}

fn read(criterion: &mut Criterion) {
    let batch = plain_batch();
    let mut group = criterion.benchmark_group("read a record");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("millstream", |bencher| {
        let mut scratch = Vec::new();
        bencher.iter(|| {
            let batch = Batch::parse(black_box(&batch)).expect("our own batch");
            batch.verify_crc().expect("our own checksum");
            let records = batch.records(&mut scratch, 0).expect("no codec");
            records.map(|record| record.map_or(0, |r| r.value.map_or(0, <[u8]>::len))).sum::<usize>()
        });
    });
    group.bench_function("kafka-protocol", |bencher| {
        bencher.iter(|| {
            let set = RecordBatchDecoder::decode(&mut black_box(&batch).clone()).expect("a good batch");
            set.records.iter().map(|record| record.value.as_ref().map_or(0, Bytes::len)).sum::<usize>()
        });
    });
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append a record");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("millstream", |bencher| {
        let mut writer = BatchWriter::new(Compression::None, None);
        bencher.iter(|| {
            for index in 0..RECORDS {
                writer.append(index as i64, Some(black_box(KEY)), Some(black_box(&VALUE)), NO_HEADERS);
            }
            writer.finish().expect("no codec")
        });
    });
    group.bench_function("millstream, encoded in place", |bencher| {
        let mut writer = BatchWriter::new(Compression::None, None);
        bencher.iter(|| {
            for index in 0..RECORDS {
                writer.append_with(
                    index as i64,
                    Some(|buf: &mut Vec<u8>| buf.extend_from_slice(black_box(KEY))),
                    Some(|buf: &mut Vec<u8>| buf.extend_from_slice(black_box(&VALUE))),
                    NO_HEADERS,
                );
            }
            writer.finish().expect("no codec")
        });
    });
    let records: Vec<TheirRecord> = (0..RECORDS).map(their_record).collect();
    let options = RecordEncodeOptions { version: 2, compression: TheirCompression::None };
    group.bench_function("kafka-protocol", |bencher| {
        let mut out = BytesMut::new();
        bencher.iter(|| {
            out.clear();
            RecordBatchEncoder::encode(&mut out, black_box(&records), &options).expect("good records");
            out.len()
        });
    });
    group.finish();
}

fn their_record(index: usize) -> TheirRecord {
    TheirRecord {
        transactional: false,
        delete_horizon: false,
        control: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: index as i64,
        // Its encoder would make a batch of each record if this were -1, as it should be.
        sequence: index as i32,
        timestamp: index as i64,
        key: Some(Bytes::from_static(KEY)),
        value: Some(Bytes::from_static(&VALUE)),
        headers: IndexMap::new(),
    }
}

fn produce(criterion: &mut Criterion) {
    let records = compressed_batch();
    println!("the compressed batch has {} bytes", records.len());
    let frame = produce_request(records);
    let mut group = criterion.benchmark_group("produce path");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("millstream", |bencher| {
        // The broker patches the frame that it read into, which it owns.
        let mut prefix = [0; 16];
        bencher.iter(|| {
            let mut body = black_box(&frame).clone();
            walk_request(0, PRODUCE_VERSION, &body).expect("a good request");
            let request = ProduceRequest::decode(&mut body, PRODUCE_VERSION).expect("a good request");
            let records = request.topic_data[0].partition_data[0].records.as_ref().expect("records");
            let header = validate_produced(records, LIMITS).expect("a good batch");
            prefix.copy_from_slice(&records[..16]);
            patch_prefix(&mut prefix, Offset(77), LeaderEpoch(3));
            header.next_offset()
        });
    });
    group.bench_function("kafka-protocol", |bencher| {
        bencher.iter_batched(
            || frame.clone(),
            |mut frame| {
                let request = ProduceRequest::decode(&mut frame, PRODUCE_VERSION).expect("a good request");
                let mut records = request.topic_data[0].partition_data[0].records.clone().expect("records");
                RecordBatchDecoder::decode_batch_info(&mut records).expect("a good batch").len()
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn produce_request(records: Bytes) -> Bytes {
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str("topic")))
        .with_partition_data(vec![partition]);
    let mut frame = BytesMut::new();
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic])
        .encode(&mut frame, PRODUCE_VERSION)
        .expect("version 9 carries all of it");
    frame.freeze()
}

criterion_group!(benches, read, append, produce);
criterion_main!(benches);
