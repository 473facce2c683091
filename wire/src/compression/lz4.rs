//! LZ4 frames as Kafka's `Lz4BlockOutputStream` writes them.
//!
//! ```text
//! 04 22 4d 18 | FLG 60 | BD 40 | header checksum 82 | (length u32 | block)* | 00 00 00 00
//! ```
//!
//! FLG 60: version 1, blocks independent, no checksums, no content size; BD 40: blocks of at most 64 KiB. With both
//! fixed the header is a constant. Lengths are little-endian; the high bit marks a block stored as it is. What others
//! write (larger blocks, checksums, linked blocks) is read through `lz4_flex`'s frame decoder.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
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
    match src.strip_prefix(&HEADER) {
        Some(blocks) => decompress_blocks(blocks, max_len, dst),
        None => read_bounded(Compression::Lz4, FrameDecoder::new(src), max_len, dst),
    }
}

/// The blocks of a frame with our header, unfolded straight into the output; what follows the end mark is ignored.
fn decompress_blocks(mut rest: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let end = dst.len().saturating_add(max_len);
    loop {
        let (length, tail) =
            rest.split_first_chunk().ok_or_else(|| corrupt("a block length is cut short"))?;
        let length = u32::from_le_bytes(*length);
        if length == 0 {
            return Ok(());
        }
        let (block, tail) = tail
            .split_at_checked((length & !STORED) as usize)
            .ok_or_else(|| corrupt("a block is longer than what remains"))?;
        decompress_block(block, length & STORED != 0, dst)?;
        if dst.len() > end {
            return Err(CompressionError::TooLarge { max_len });
        }
        rest = tail;
    }
}

/// Unfolds one block, at most 64 KiB; the caller checks the bound.
fn decompress_block(block: &[u8], stored: bool, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    if stored && block.len() <= BLOCK_LEN {
        dst.extend_from_slice(block);
        return Ok(());
    }
    let start = dst.len();
    // Nothing unfolds by more than 255, so that a small block gets little room.
    let room = block.len().saturating_mul(255).min(BLOCK_LEN);
    dst.resize(start + room, 0);
    let written = decompress_into(block, &mut dst[start..]).map_err(corrupt)?;
    dst.truncate(start + written);
    Ok(())
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Lz4, reason)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    /// What other writers choose: large blocks, linked blocks, checksums, the content's size.
    #[test]
    fn frames_of_every_kind_are_read() {
        let text = "to be or not to be ".repeat(10_000).into_bytes();
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            for mode in [BlockMode::Independent, BlockMode::Linked] {
                let info = FrameInfo::new()
                    .block_size(size)
                    .block_mode(mode)
                    .content_checksum(true)
                    .block_checksums(true)
                    .content_size(Some(text.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&text).unwrap();
                let mut out = Vec::new();
                decompress(&encoder.finish().unwrap(), text.len(), &mut out).unwrap();
                assert_eq!(out, text);
            }
        }
    }

    #[test]
    fn our_frames_are_what_the_frame_decoder_reads() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|i| i.wrapping_mul(i).to_le_bytes()).collect();
        let mut packed = Vec::new();
        compress(&text, &mut packed).unwrap();
        let mut out = Vec::new();
        read_bounded(Compression::Lz4, FrameDecoder::new(&packed[..]), text.len(), &mut out).unwrap();
        assert_eq!(out, text);
    }

    #[test]
    fn a_lying_block_length_is_refused() {
        for length in [8u32, 0x7fff_ffff, u32::MAX] {
            let mut frame = HEADER.to_vec();
            frame.extend(length.to_le_bytes());
            frame.extend([0; 4]);
            assert!(decompress(&frame, 1 << 20, &mut Vec::new()).is_err(), "{length:#x}");
        }
    }
}
