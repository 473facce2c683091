//! Windowed keys in topics.

use std::time::Duration;

use super::{Native, Serde};
use crate::data::{Data, DataError};
use crate::window::{Window, Windowed, to_millis};

/// Bytes of a window's start behind its key.
const START: usize = size_of::<i64>();

/// Windowed keys as Kafka's `TimeWindowedSerde` writes them. The size of the windows is not among the bytes, so a reader must
/// know it.
///
/// ```text
/// key bytes ++ start of the window (8 bytes, big-endian, ms)
/// ```
///
/// ```
/// use millstream::prelude::*;
/// use millstream::serde::{Native, Serde, TimeWindowedSerde};
///
/// let mut bytes = Vec::new();
/// let serde = TimeWindowedSerde::new(Native, mins(1));
/// serde.encode(&windowed::<String>("a", 60_000..120_000), &mut bytes)?;
/// assert_eq!(bytes, b"a\x00\x00\x00\x00\x00\x00\xea\x60");
/// # Ok::<(), millstream::data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TimeWindowedSerde<S> {
    key: S,
    size_ms: i64,
}

impl<S> TimeWindowedSerde<S> {
    /// Keys written by `key`, in windows of `size`.
    pub const fn new(key: S, size: Duration) -> Self {
        Self { key, size_ms: to_millis(size) }
    }
}

impl<K, S: Serde<K>> Serde<Windowed<K>> for TimeWindowedSerde<S> {
    fn encode(&self, windowed: &Windowed<K>, out: &mut Vec<u8>) -> Result<bool, DataError> {
        encode(&self.key, windowed, out)
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<Windowed<K>, DataError> {
        decode(&self.key, bytes, self.size_ms)
    }

    fn unpartitioned_suffix(&self) -> usize {
        START
    }
}

fn encode<K, S: Serde<K> + ?Sized>(
    serde: &S,
    windowed: &Windowed<K>,
    out: &mut Vec<u8>,
) -> Result<bool, DataError> {
    if !serde.encode(&windowed.key, out)? {
        return Err(DataError::Null);
    }
    out.extend_from_slice(&windowed.window.start.to_be_bytes());
    Ok(true)
}

fn decode<K, S: Serde<K> + ?Sized>(
    serde: &S,
    bytes: Option<&[u8]>,
    size_ms: i64,
) -> Result<Windowed<K>, DataError> {
    let bytes = bytes.ok_or(DataError::Null)?;
    let (key, start) =
        bytes.split_last_chunk().ok_or(DataError::Length { expected: START, actual: bytes.len() })?;
    let window = Window::of_size(i64::from_be_bytes(*start), size_ms);
    Ok(Windowed { key: serde.decode(Some(key))?, window })
}

/// A [`TimeWindowedSerde`] of native keys that knows its types without a box, so that a topic's name can be a constant.
pub(crate) struct Inline<T> {
    size_ms: i64,
    encode: fn(&T, &mut Vec<u8>) -> Result<bool, DataError>,
    decode: fn(Option<&[u8]>, i64) -> Result<T, DataError>,
}

impl<K: Data> Inline<Windowed<K>> {
    pub(crate) const fn new(size: Duration) -> Self {
        Self { size_ms: to_millis(size), encode: native_encode, decode: native_decode }
    }
}

fn native_encode<K: Data>(windowed: &Windowed<K>, out: &mut Vec<u8>) -> Result<bool, DataError> {
    encode(&Native, windowed, out)
}

fn native_decode<K: Data>(bytes: Option<&[u8]>, size_ms: i64) -> Result<Windowed<K>, DataError> {
    decode(&Native, bytes, size_ms)
}

impl<T> Serde<T> for Inline<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<bool, DataError> {
        (self.encode)(value, out)
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<T, DataError> {
        (self.decode)(bytes, self.size_ms)
    }

    fn unpartitioned_suffix(&self) -> usize {
        START
    }
}

impl<T> Clone for Inline<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Inline<T> {}
