//! One record, borrowed from its batch.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//! | key length varint, -1: null | key | value length varint, -1: null | value
//! | header count varint | (name length varint | name | value length varint, -1: null | value)*
//! ```

use std::borrow::Cow;

use crate::ids::Offset;
use crate::varint;

/// A record whose key, value and headers are slices of the batch they were read from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Position in the partition.
    pub offset: Offset,
    /// Milliseconds since 1970: the producer's, or the append time where the batch says so.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, in order, names possibly repeated.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name; meant to be UTF-8, but nothing on the way enforces that.
    pub key: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

/// No headers, for [`super::BatchWriter::append`].
pub const NO_HEADERS: [Header<'static>; 0] = [];

impl<'a> Header<'a> {
    /// A header from its parts.
    #[must_use]
    pub fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The name as text, bad UTF-8 replaced as Java does.
    #[must_use]
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// The headers of a record: an ordered multimap, decoded as it is walked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    count: u32,
    /// Exactly `count` encoded headers; [`Headers::parse`] has walked them.
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Takes the count and the headers, which must fill `buf` to its end.
    #[inline]
    pub(super) fn parse(mut buf: &'a [u8]) -> Result<Self, &'static str> {
        // Most records have none: one byte, 0.
        if let [0] = buf {
            return Ok(Self::default());
        }
        let count = varint::read_i32(&mut buf).ok_or("the header count is cut short")?;
        let count = u32::try_from(count).map_err(|_| "the header count is negative")?;
        let bytes = buf;
        for _ in 0..count {
            read_header(&mut buf).ok_or("a header is cut short")?;
        }
        if !buf.is_empty() {
            return Err("bytes follow the last header");
        }
        Ok(Self { count, bytes })
    }

    /// Number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order.
    #[must_use]
    pub fn iter(&self) -> HeadersIter<'a> {
        HeadersIter { rest: self.bytes }
    }

    /// The value of the last header of this name, as Kafka's `Headers.lastHeader`; the inner `None` is null.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.iter().filter(|header| header.key == name.as_bytes()).last().map(|header| header.value)
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

/// Iterator over [`Headers`].
#[derive(Clone, Debug)]
pub struct HeadersIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        read_header(&mut self.rest)
    }
}

fn read_header<'a>(buf: &mut &'a [u8]) -> Option<Header<'a>> {
    let key = read_nullable(buf)??;
    let value = read_nullable(buf)?;
    Some(Header { key, value })
}

/// Takes a length and that many bytes; the inner `None` is null, the outer one means cut short.
#[inline]
pub(super) fn read_nullable<'a>(buf: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match varint::read_i32(buf)? {
        -1 => Some(None),
        length => {
            let (bytes, rest) = buf.split_at_checked(usize::try_from(length).ok()?)?;
            *buf = rest;
            Some(Some(bytes))
        }
    }
}
