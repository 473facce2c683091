//! Batches that Apache Kafka wrote, read; and ours, the same bytes.

use millstream_wire::batch::{Batch, BatchWriter, ProducerState, TimestampType, set_log_append_time};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::fixture::{Owned, file, fill, records};

fn assert_holds_the_records(batch: &Batch<'_>, expected: &[Owned]) {
    batch.verify_crc().unwrap();
    let mut scratch = Vec::new();
    let read: Vec<_> = batch.records(&mut scratch, 4096).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len(), expected.len());
    for (index, (record, expected)) in read.iter().zip(expected).enumerate() {
        assert_eq!(record.offset, batch.header.base_offset.plus(index as i64));
        assert_eq!(record.timestamp, expected.timestamp);
        assert_eq!(record.key, expected.key.as_deref());
        assert_eq!(record.value, expected.value.as_deref());
        let headers: Vec<_> = record.headers.iter().map(|h| (h.name().into_owned(), h.value)).collect();
        let expected: Vec<_> = expected
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.map(str::as_bytes)))
            .collect();
        assert_eq!(headers, expected);
    }
}

#[test]
fn every_codec_is_read() {
    for codec in Compression::ALL {
        let bytes = file(&format!("batch-{codec}.bin"));
        let batch = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.bytes.len(), bytes.len());
        assert_eq!(batch.header.compression().unwrap(), codec);
        assert_holds_the_records(&batch, &records());
    }
}

#[test]
fn a_plain_batch_is_written_byte_for_byte() {
    let mut writer = BatchWriter::new(Compression::None, None);
    fill(&mut writer);
    assert_eq!(writer.finish().unwrap(), file("batch-none.bin"));
}

#[test]
fn a_transactional_batch_is_written_byte_for_byte() {
    let golden = file("batch-transactional.bin");
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.set_position(Offset(10), LeaderEpoch(3));
    writer.set_transactional(true);
    writer.set_producer(ProducerState {
        id: ProducerId(4000),
        epoch: ProducerEpoch(5),
        base_sequence: i32::MAX - 1,
    });
    fill(&mut writer);
    assert_eq!(writer.finish().unwrap(), golden);

    let batch = Batch::parse(&golden).unwrap();
    assert!(batch.header.is_transactional() && !batch.header.is_control());
    assert_eq!((batch.header.last_offset(), batch.header.next_offset()), (Offset(13), Offset(14)));
    assert_eq!(batch.header.last_sequence(), 1, "sequences wrap to 0");
    assert_holds_the_records(&batch, &records());
}

#[test]
fn a_stamped_batch_reads_as_of_its_append() {
    let golden = file("batch-log-append-time.bin");
    let batch = Batch::parse(&golden).unwrap();
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    let stamped = records().map(|record| Owned { timestamp: 7777, ..record });
    assert_holds_the_records(&batch, &stamped);

    let mut ours = file("batch-none.bin");
    set_log_append_time(&mut ours, 7777);
    let ours = Batch::parse(&ours).unwrap();
    assert_eq!(ours.header.max_timestamp, batch.header.max_timestamp);
    assert_holds_the_records(&ours, &stamped);
}

#[test]
fn lz4_and_snappy_framing_is_that_of_kafka() {
    for (codec, framing) in [(Compression::Lz4, 7), (Compression::Snappy, 16)] {
        let golden = file(&format!("batch-{codec}.bin"));
        let mut writer = BatchWriter::new(codec, None);
        fill(&mut writer);
        let ours = writer.finish().unwrap();
        assert_eq!(ours[61..61 + framing], golden[61..61 + framing], "{codec}");
    }
}
