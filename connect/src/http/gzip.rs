//! Bodies that come compressed, either way.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

/// What `body` was before it was compressed; cut behind `max` bytes.
///
/// # Errors
/// It is no gzip.
pub(crate) fn gunzip(body: &[u8], max: usize) -> io::Result<Bytes> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(body).take(max as u64).read_to_end(&mut plain)?;
    Ok(plain.into())
}

/// Whether a `Content-Encoding` is gzip. `None`: it is something else that is not understood.
pub(crate) fn is_gzip(coding: &[u8]) -> Option<bool> {
    match coding.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Some(false),
        b"gzip" | b"x-gzip" => Some(true),
        _ => None,
    }
}
