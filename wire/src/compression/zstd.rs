//! Zstandard, with the contexts of a thread kept: they are larger than most batches.
//!
//! Frames are unfolded in one call straight into the output. Streaming would allocate the window that the frame's
//! header asks for, up to 128 MiB, which is a count from the wire.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_error_name, max_c_level, min_c_level};

use super::{Compression, CompressionError};

/// Kafka's default (`compression.zstd.level`).
const DEFAULT_LEVEL: i32 = 3;
/// First guess of how far a frame unfolds; a wrong guess costs one more attempt.
const FIRST_RATIO: usize = 8;
const RATIO_STEP: usize = 4;
const SMALLEST_GUESS: usize = 16 * 1024;
/// What libzstd says when the output does not fit (`ZSTD_error_dstSize_tooSmall`).
const DOES_NOT_FIT: &str = "Destination buffer is too small";

thread_local! {
    static ENCODER: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECODER: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

pub(super) fn compress(level: Option<i32>, src: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let level = level.unwrap_or(DEFAULT_LEVEL).clamp(min_c_level(), max_c_level());
    let start = dst.len();
    dst.resize(start + compress_bound(src.len()), 0);
    let written = ENCODER.with_borrow_mut(|encoder| {
        encoder.set_parameter(CParameter::CompressionLevel(level))?;
        encoder.compress2(&mut dst[start..], src)
    });
    let written = written.map_err(|code| corrupt(get_error_name(code)))?;
    dst.truncate(start + written);
    Ok(())
}

pub(super) fn decompress(src: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
    let start = dst.len();
    let mut guess = src.len().saturating_mul(FIRST_RATIO).max(SMALLEST_GUESS).min(max_len);
    loop {
        dst.resize(start + guess, 0);
        let result = DECODER.with_borrow_mut(|decoder| decoder.decompress(&mut dst[start..], src));
        match result.map_err(get_error_name) {
            Ok(written) => {
                dst.truncate(start + written);
                return Ok(());
            }
            Err(DOES_NOT_FIT) if guess >= max_len => return Err(CompressionError::TooLarge { max_len }),
            Err(DOES_NOT_FIT) => guess = guess.saturating_mul(RATIO_STEP).min(max_len),
            Err(reason) => return Err(corrupt(reason)),
        }
    }
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Zstd, reason)
}
