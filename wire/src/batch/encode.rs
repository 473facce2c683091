//! The fields of a record as they are written; the diagram is in [`super::record`].
//!
//! A length stands before the bytes it counts. Where it is known first, it is simply written. Where the bytes are
//! encoded in place, a gap is left for it, as wide as it was last time, and the bytes move only if that was wrong.

use super::Header;
use crate::varint;

/// Numbers that stand before a key, put together before it is copied.
#[derive(Default)]
pub(super) struct Head {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Head {
    /// The lengths of record and key, attributes and both deltas take 26 bytes at most; 32 are copied in one piece.
    pub(super) const CAPACITY: usize = 32;

    #[inline]
    pub(super) fn put(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes[self.len] = value as u8 | 0x80;
            self.len += 1;
            value >>= 7;
        }
        self.bytes[self.len] = value as u8;
        self.len += 1;
    }

    #[inline]
    pub(super) fn append_to(&self, buf: &mut Vec<u8>) {
        let end = buf.len() + self.len;
        buf.extend_from_slice(&self.bytes);
        buf.truncate(end);
    }
}

/// Attributes, timestamp and offset, the last two relative to the batch.
#[inline]
pub(super) fn write_deltas(buf: &mut Vec<u8>, timestamp_delta: i64, offset_delta: i32) {
    buf.push(0); // attributes: no bit has a meaning yet
    varint::write_i64(buf, timestamp_delta);
    varint::write_i32(buf, offset_delta);
}

#[inline]
pub(super) fn nullable_len(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        Some(bytes) => varint::len_i32(bytes.len() as i32) + bytes.len(),
    }
}

#[inline]
pub(super) fn write_nullable(buf: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write_i32(buf, -1),
        Some(bytes) => {
            varint::write_i32(buf, bytes.len() as i32);
            buf.extend_from_slice(bytes);
        }
    }
}

/// Number and encoded size of the headers.
#[inline]
pub(super) fn measure<'h>(headers: impl IntoIterator<Item = Header<'h>>) -> (i32, usize) {
    headers.into_iter().fold((0, 0), |(count, len), header| {
        (count + 1, len + nullable_len(Some(header.key)) + nullable_len(header.value))
    })
}

#[inline]
pub(super) fn write_headers<'h>(
    buf: &mut Vec<u8>,
    count: i32,
    headers: impl IntoIterator<Item = Header<'h>>,
) {
    varint::write_i32(buf, count);
    for header in headers {
        write_nullable(buf, Some(header.key));
        write_nullable(buf, header.value);
    }
}

/// Runs `encode` behind a gap of `width` bytes and puts the length of what it wrote into the gap, as a varint; moves
/// the bytes if that needs another width. Returns the width it took.
#[inline]
pub(super) fn in_place(buf: &mut Vec<u8>, width: usize, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
    let gap = buf.len();
    let start = gap + width;
    buf.resize(start, 0);
    encode(buf);
    let length = varint::zigzag_i32((buf.len() - start) as i32);
    let needed = varint::len_u32(length);
    if needed != width {
        shift(buf, start, gap + needed);
    }
    fill(&mut buf[gap..gap + needed], length);
    needed
}

/// Moves everything from `from` to the end so that it begins at `to`.
#[cold]
fn shift(buf: &mut Vec<u8>, from: usize, to: usize) {
    let end = buf.len();
    if to > from {
        buf.resize(end + to - from, 0);
    }
    buf.copy_within(from..end, to);
    buf.truncate(end - from + to);
}

/// Writes a varint that is known to fill `gap` exactly.
#[inline]
fn fill(gap: &mut [u8], mut value: u32) {
    for byte in gap.iter_mut() {
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    if let Some(last) = gap.last_mut() {
        *last &= 0x7f;
    }
}

/// As [`in_place`], with null for `None`; null keeps the guess.
#[inline]
pub(super) fn nullable_in_place(
    buf: &mut Vec<u8>,
    width: usize,
    encode: Option<impl FnOnce(&mut Vec<u8>)>,
) -> usize {
    match encode {
        None => {
            varint::write_i32(buf, -1);
            width
        }
        Some(encode) => in_place(buf, width, encode),
    }
}
