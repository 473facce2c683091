//! Gzip: one member written, any number read, as `GZIPInputStream` does.

use std::io::Write as _;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Compression, CompressionError, read_bounded};

pub(super) fn compress(level: Option<i32>, src: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    // Kafka's -1 stands for zlib's own default.
    let level = match level {
        Some(level) if level >= 0 => flate2::Compression::new(level.min(9) as u32),
        _ => flate2::Compression::default(),
    };
    let mut encoder = GzEncoder::new(dst, level);
    encoder
        .write_all(src)
        .and_then(|()| encoder.finish().map(drop))
        .map_err(|error| CompressionError::corrupt(Compression::Gzip, error))
}

pub(super) fn decompress(src: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    read_bounded(Compression::Gzip, MultiGzDecoder::new(src), max_len, dst)
}
