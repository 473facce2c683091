//! Snappy in the framing of `snappy-java`, called xerial after its package.
//!
//! ```text
//! 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version i32 | oldest reader i32 | (length i32 | raw snappy block)*
//! ```
//!
//! All numbers are big-endian. librdkafka sends one raw block without any framing; what does not begin with the
//! magic is read as that, as `SnappyInputStream` does.

use std::cell::RefCell;

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::{Compression, CompressionError};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Version 1, readable since version 1: the only one there ever was.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const HEADER_LEN: usize = MAGIC.len() + VERSIONS.len();
/// Block size of `SnappyOutputStream`.
const BLOCK_LEN: usize = 32 * 1024;
/// A copy of 64 bytes takes 3, so no block unfolds by more than this.
const MAX_RATIO: usize = 22;

thread_local! {
    /// The encoder's hash table, kept because it is larger than most batches.
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new());
}

pub(super) fn compress(src: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    dst.extend_from_slice(&MAGIC);
    dst.extend_from_slice(&VERSIONS);
    ENCODER.with_borrow_mut(|encoder| {
        src.chunks(BLOCK_LEN).try_for_each(|block| compress_block(encoder, block, dst))
    })
}

fn compress_block(encoder: &mut Encoder, block: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let length_at = dst.len();
    let start = length_at + 4;
    dst.resize(start + max_compress_len(block.len()), 0);
    let written = encoder.compress(block, &mut dst[start..]).map_err(corrupt)?;
    dst[length_at..start].copy_from_slice(&(written as u32).to_be_bytes());
    dst.truncate(start + written);
    Ok(())
}

pub(super) fn decompress(src: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let end = dst.len().saturating_add(max_len);
    let Some(mut rest) = strip_header(src) else {
        return decompress_block(src, end, max_len, dst);
    };
    while !rest.is_empty() {
        // Streams may be joined; the next one's header stands where a length would.
        if let Some(joined) = strip_header(rest) {
            rest = joined;
            continue;
        }
        let (length, tail) =
            rest.split_first_chunk::<4>().ok_or_else(|| corrupt("a block length is cut short"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, tail) =
            tail.split_at_checked(length).ok_or_else(|| corrupt("a block is longer than what remains"))?;
        decompress_block(block, end, max_len, dst)?;
        rest = tail;
    }
    Ok(())
}

fn strip_header(src: &[u8]) -> Option<&[u8]> {
    (src.len() >= HEADER_LEN && src.starts_with(&MAGIC)).then(|| &src[HEADER_LEN..])
}

/// Unfolds one raw block; `end` is the length `dst` must not pass.
fn decompress_block(
    block: &[u8],
    end: usize,
    max_len: usize,
    dst: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let claimed = decompress_len(block).map_err(corrupt)?;
    if claimed / MAX_RATIO > block.len() {
        return Err(corrupt("a block claims more than its bytes can hold"));
    }
    let start = dst.len();
    if claimed > end - start {
        return Err(CompressionError::TooLarge { max_len });
    }
    dst.resize(start + claimed, 0);
    Decoder::new().decompress(block, &mut dst[start..]).map_err(corrupt)?;
    Ok(())
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Snappy, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_block_is_read_too() {
        let raw = Encoder::new().compress_vec(b"hello hello hello hello").unwrap();
        let mut out = Vec::new();
        decompress(&raw, 100, &mut out).unwrap();
        assert_eq!(out, b"hello hello hello hello");
    }

    #[test]
    fn joined_streams_are_read_as_one() {
        let mut packed = Vec::new();
        compress(b"one ", &mut packed).unwrap();
        compress(b"two", &mut packed).unwrap();
        let mut out = Vec::new();
        decompress(&packed, 100, &mut out).unwrap();
        assert_eq!(out, b"one two");
    }

    #[test]
    fn a_lying_block_length_is_refused() {
        let mut packed = Vec::new();
        compress(b"one", &mut packed).unwrap();
        packed[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
        assert!(decompress(&packed, 100, &mut Vec::new()).is_err());
    }
}
