//! What the fuzzer and the bounded random tests both run: each takes any bytes and must neither panic nor hold more
//! memory than the bounds it was given.

use bytes::Bytes;
use millstream_wire::batch::{
    Batch, Batches, CompactOptions, ProduceLimits, compact, set_log_append_time, validate_produced,
};
use millstream_wire::compression::Compression;
use millstream_wire::control::ControlRecord;
use millstream_wire::crc::crc32c;
use millstream_wire::frame::{RequestHeader, frame_len};
use millstream_wire::internal::metadata::MetadataRecord;
use millstream_wire::internal::offsets;
use millstream_wire::messages::{
    FetchRequest, JoinGroupRequest, MetadataRequest, decode_assignment, decode_response, decode_subscription,
};
use millstream_wire::walk::{walk_request, walk_response};

/// Most bytes that anything here may unfold to.
const BOUND: usize = 1 << 16;

/// A range of batches: read, validated, rewritten. With the first byte odd the checksum is made right first, as a liar
/// would.
pub(crate) fn batches(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let mut bytes = data.to_vec();
    if mode % 2 == 1 && bytes.len() > 61 {
        bytes[16] = 2;
        let length = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    let _ = validate_produced(&bytes, ProduceLimits { max_batch_bytes: BOUND });
    for batch in Batches::new(&bytes).flatten() {
        read(&batch);
        rewrite(&batch);
        set_log_append_time(&mut batch.bytes.to_vec(), 1);
    }
}

fn read(batch: &Batch<'_>) {
    let mut scratch = Vec::new();
    let Ok(records) = batch.records(&mut scratch, BOUND) else { return };
    for record in records.flatten() {
        assert_eq!(record.headers.iter().count(), record.headers.len());
        let _ = ControlRecord::read(&record);
    }
    assert!(scratch.len() <= BOUND);
}

/// What the rewriter writes must be a good batch of the same offsets.
fn rewrite(batch: &Batch<'_>) {
    let options = CompactOptions {
        retain_empty: true,
        delete_horizon: batch.header.crc.is_multiple_of(2).then_some(7),
        max_decompressed: BOUND,
        level: None,
    };
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let mut keep = false;
    let result = compact(batch, options, &mut scratch, &mut out, |_| {
        keep = !keep;
        keep
    });
    let Ok(done) = result else { return };
    let rewritten = Batch::parse(&out).expect("the rewriter writes batches");
    assert_eq!(rewritten.header.next_offset(), batch.header.next_offset());
    if done.dropped > 0 {
        rewritten.verify_crc().expect("the rewriter seals what it changes");
    }
}

/// A codec, by the first byte.
pub(crate) fn codecs(data: &[u8]) {
    let Some((codec, data)) = data.split_first() else { return };
    let codec = Compression::ALL[usize::from(*codec) % Compression::ALL.len()];
    let mut out = Vec::new();
    if codec.decompress(data, BOUND, &mut out).is_ok() {
        assert!(out.len() <= BOUND);
        let mut packed = Vec::new();
        codec.compress(None, &out, &mut packed).expect("what was unfolded folds again");
        let mut again = Vec::new();
        codec.decompress(&packed, BOUND, &mut again).expect("our own bytes unfold");
        assert_eq!(out, again);
    }
}

/// A frame as a broker meets it, and its body as a message that the first two bytes choose.
pub(crate) fn messages(data: &[u8]) {
    if let Some(prefix) = data.first_chunk() {
        let _ = frame_len(*prefix, 10, BOUND);
    }
    if let Ok((header, body)) = RequestHeader::parse(data) {
        let _ = walk_request(header.api_key, header.api_version, body);
    }
    let [key, version, body @ ..] = data else { return };
    let (key, version) = (i16::from(key % 96), i16::from(version % 19));
    for walked in [walk_request(key, version, body), walk_response(key, version, body)].into_iter().flatten()
    {
        assert!(walked <= body.len());
    }
    let body = Bytes::copy_from_slice(body);
    let _ = decode_response::<FetchRequest>(version, body.clone());
    let _ = decode_response::<MetadataRequest>(version, body.clone());
    let _ = decode_response::<JoinGroupRequest>(version, body.clone());
    let _ = decode_subscription(body.clone());
    let _ = decode_assignment(body);
}

/// A record of an internal topic.
pub(crate) fn internal(data: &[u8]) {
    if let Ok(record) = MetadataRecord::read(data) {
        let mut out = Vec::new();
        record.write(&mut out);
        if !matches!(record, MetadataRecord::Other { .. }) {
            assert_eq!(MetadataRecord::read(&out), Ok(record));
        }
    }
    let _ = offsets::Key::read(data);
    let _ = offsets::OffsetCommit::read(data);
    let _ = offsets::GroupMetadata::read(data);
}
