//! Fields of an answer that is written by hand.

use bytes::{BufMut, BytesMut};

/// Writes the fields of one response version.
pub(crate) struct Put<'a> {
    pub(crate) buffer: &'a mut BytesMut,
    /// Flexible versions have compact lengths and tagged fields.
    pub(crate) flexible: bool,
}

impl Put<'_> {
    pub(crate) fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "strings are bounded by a frame"
    )]
    pub(crate) fn string(&mut self, text: &str) {
        if self.flexible {
            self.varint(text.len() as u32 + 1);
        } else {
            self.buffer.put_i16(text.len() as i16);
        }
        self.buffer.put_slice(text.as_bytes());
    }

    pub(crate) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None if self.flexible => self.varint(0),
            None => self.buffer.put_i16(-1),
        }
    }

    /// The number of elements of an array, or of bytes.
    #[expect(clippy::cast_possible_truncation, reason = "counts are bounded by a frame")]
    pub(crate) fn count(&mut self, count: usize) {
        if self.flexible {
            self.varint(count as u32 + 1);
        } else {
            self.buffer.put_u32(count as u32);
        }
    }

    /// A null array.
    pub(crate) fn null(&mut self) {
        if self.flexible { self.varint(0) } else { self.buffer.put_i32(-1) }
    }

    /// Ends a structure without tagged fields.
    pub(crate) fn end(&mut self) {
        if self.flexible {
            self.buffer.put_u8(0);
        }
    }

    pub(crate) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }
}
