//! LZ4 frames as Kafka's `Lz4BlockOutputStream` writes them.
//!
//! ```text
//! 04 22 4d 18 | FLG 60 | BD 40 | header checksum 82 | (length u32 | block)* | 00 00 00 00
//! ```
//!
//! FLG 60: version 1, blocks independent, no checksums, no content size; BD 40: blocks of at most 64 KiB. With both
//! fixed the header is a constant. Lengths are little-endian; the high bit marks a block stored as it is. What others
//! write (larger blocks, checksums, linked blocks) is read through `lz4_flex`'s frame decoder.

use lz4_flex::block::{compress_into, get_maximum_output_size};
use lz4_flex::frame::FrameDecoder;

use super::{Compression, CompressionError, read_bounded};

const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END_MARK: [u8; 4] = [0; 4];
const BLOCK_LEN: usize = 64 * 1024;
const STORED: u32 = 1 << 31;

pub(super) fn compress(src: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    dst.extend_from_slice(&HEADER);
    for block in src.chunks(BLOCK_LEN) {
        compress_block(block, dst)?;
    }
    dst.extend_from_slice(&END_MARK);
    Ok(())
}

fn compress_block(block: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let length_at = dst.len();
    let start = length_at + 4;
    dst.resize(start + get_maximum_output_size(block.len()), 0);
    let written = compress_into(block, &mut dst[start..]).map_err(corrupt)?;
    let mut length = written as u32;
    if written >= block.len() {
        dst[start..start + block.len()].copy_from_slice(block);
        length = block.len() as u32 | STORED;
    }
    dst[length_at..start].copy_from_slice(&length.to_le_bytes());
    dst.truncate(start + (length & !STORED) as usize);
    Ok(())
}

pub(super) fn decompress(src: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    read_bounded(Compression::Lz4, FrameDecoder::new(src), max_len, dst)
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Lz4, reason)
}
