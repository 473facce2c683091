//! Produced batches that lie, each with what a client gets for it.

use millstream_wire::batch::{
    Batch, BatchError, BatchHeader, BatchWriter, Batches, NO_HEADERS, ProduceLimits, ProducerState,
    validate_produced,
};
use millstream_wire::compression::Compression;
use millstream_wire::crc::crc32c;
use millstream_wire::ids::{ProducerEpoch, ProducerId};
use millstream_wire::messages::ResponseError;

const LIMITS: ProduceLimits = ProduceLimits { max_batch_bytes: 10_000 };

fn batch(codec: Compression) -> Vec<u8> {
    let mut writer = BatchWriter::new(codec, None);
    for index in 0..3 {
        writer.append(index, Some(b"key"), Some(b"value"), NO_HEADERS);
    }
    writer.finish().unwrap().to_vec()
}

/// Overwrites bytes and makes the checksum right again: a liar computes it too.
fn with(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn refusal(bytes: &[u8]) -> ResponseError {
    validate_produced(bytes, LIMITS).expect_err("it must be refused").response_error()
}

#[test]
fn honest_batches_pass() {
    for codec in Compression::ALL {
        let bytes = batch(codec);
        assert_eq!(validate_produced(&bytes, LIMITS).unwrap(), BatchHeader::parse(&bytes).unwrap());
    }
}

#[test]
fn every_cut_and_every_tail_is_refused() {
    let bytes = batch(Compression::None);
    for cut in 0..bytes.len() {
        assert_eq!(refusal(&bytes[..cut]), ResponseError::InvalidRecord, "cut at {cut}");
    }
    let twice = [&bytes[..], &bytes[..]].concat();
    assert_eq!(refusal(&twice), ResponseError::InvalidRecord);
    assert_eq!(refusal(&[&bytes[..], &[0]].concat()), ResponseError::InvalidRecord);
}

#[test]
fn headers_that_lie() {
    let plain = || batch(Compression::None);
    let be = i32::to_be_bytes;
    let cases = [
        ("length of 2 GiB", with(plain(), 8, &be(i32::MAX)), ResponseError::InvalidRecord),
        ("length of -1", with(plain(), 8, &be(-1)), ResponseError::CorruptMessage),
        ("length of 0", with(plain(), 8, &be(0)), ResponseError::CorruptMessage),
        ("magic 0", with(plain(), 16, &[0]), ResponseError::InvalidRecord),
        ("magic 1", with(plain(), 16, &[1]), ResponseError::InvalidRecord),
        ("magic 3", with(plain(), 16, &[3]), ResponseError::CorruptMessage),
        ("base offset of 5", with(plain(), 7, &[5]), ResponseError::InvalidRecord),
        ("codec 7", with(plain(), 21, &[0, 7]), ResponseError::UnsupportedCompressionType),
        ("control", with(plain(), 21, &[0, 0x20]), ResponseError::InvalidRecord),
        ("transactional without a producer", with(plain(), 21, &[0, 0x10]), ResponseError::InvalidRecord),
        ("delete horizon", with(plain(), 21, &[0, 0x40]), ResponseError::InvalidRecord),
        ("last offset delta of 2^31-1", with(plain(), 23, &be(i32::MAX)), ResponseError::InvalidRecord),
        ("last offset delta of -1", with(plain(), 23, &be(-1)), ResponseError::InvalidRecord),
        ("last offset delta of 1", with(plain(), 23, &be(1)), ResponseError::InvalidRecord),
        ("producer without a sequence", with(plain(), 43, &[0; 10]), ResponseError::InvalidRecord),
        ("count of 0", with(plain(), 57, &be(0)), ResponseError::InvalidRecord),
        ("count of -1", with(plain(), 57, &be(-1)), ResponseError::InvalidRecord),
        ("count of 2^31-1", with(plain(), 57, &be(i32::MAX)), ResponseError::InvalidRecord),
        (
            "count and delta agree, records are fewer",
            with(with(plain(), 57, &be(9)), 23, &be(8)),
            ResponseError::InvalidRecord,
        ),
        (
            "count and delta agree, records are more",
            with(with(plain(), 57, &be(2)), 23, &be(1)),
            ResponseError::InvalidRecord,
        ),
        ("first record's length", with(plain(), 61, &[0x7e]), ResponseError::InvalidRecord),
        ("first record's length is negative", with(plain(), 61, &[1]), ResponseError::InvalidRecord),
        ("first record's offset", with(plain(), 64, &[2]), ResponseError::InvalidRecord),
    ];
    for (lie, bytes, answer) in cases {
        assert_eq!(refusal(&bytes), answer, "{lie}");
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let bytes = batch(Compression::Lz4);
    // Before the attributes only the magic and the length are anyone's claim; the rest the broker overwrites.
    for at in 17..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(matches!(validate_produced(&flipped, LIMITS), Err(BatchError::Crc { .. })), "byte {at}");
    }
}

#[test]
fn a_batch_over_the_limit_is_named() {
    let bytes = batch(Compression::None);
    let limits = ProduceLimits { max_batch_bytes: bytes.len() - 1 };
    assert_eq!(
        validate_produced(&bytes, limits).unwrap_err().response_error(),
        ResponseError::MessageTooLarge
    );
}

#[test]
fn an_idempotent_batch_needs_all_three_numbers() {
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.set_producer(ProducerState { id: ProducerId(1), epoch: ProducerEpoch(-1), base_sequence: 0 });
    writer.append(0, None, Some(b"v"), NO_HEADERS);
    assert_eq!(refusal(&writer.finish().unwrap()), ResponseError::InvalidRecord);
}

/// A compressed batch may lie about its count: produce does not look inside, so readers must survive it.
#[test]
fn a_compressed_batch_that_lies_is_survived_by_readers() {
    for count in [1, 2, 4, 1000, i32::MAX] {
        let delta = with(batch(Compression::Zstd), 23, &(count - 1).to_be_bytes());
        let bytes = with(delta, 57, &count.to_be_bytes());
        validate_produced(&bytes, LIMITS).unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        let mut scratch = Vec::new();
        let records: Vec<_> = batch.records(&mut scratch, 10_000).unwrap().collect();
        assert!(records.last().unwrap().is_err(), "count {count}");
        assert!(records.len() <= 4 && scratch.capacity() < 100_000);
    }
}

#[test]
fn a_bomb_in_a_batch_is_bounded() {
    let mut writer = BatchWriter::new(Compression::Gzip, Some(9));
    writer.append(0, None, Some(&vec![0; 8 << 20]), NO_HEADERS);
    let bytes = writer.finish().unwrap();
    assert!(bytes.len() < 100_000);
    let mut scratch = Vec::new();
    assert!(Batch::parse(&bytes).unwrap().records(&mut scratch, 1 << 20).is_err());
    assert!(scratch.capacity() <= 4 << 20);
}

#[test]
fn batches_end_at_a_partial_tail_and_after_a_fault() {
    let one = batch(Compression::None);
    let two = [&one[..], &one[..], &one[..20]].concat();
    let mut batches = Batches::new(&two);
    assert_eq!(batches.by_ref().filter(Result::is_ok).count(), 2);
    assert_eq!((batches.position(), batches.remaining().len()), (2 * one.len(), 20));

    let bad = [&one[..], &with(one.clone(), 16, &[1])[..], &one[..]].concat();
    let results: Vec<_> = Batches::new(&bad).map(|batch| batch.is_ok()).collect();
    assert_eq!(results, [true, false]);
}
