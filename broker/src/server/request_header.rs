//! The header of a request, read by hand: it comes before anything is known about the sender.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::ApiKey;

/// A request's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    pub(crate) api_key: i16,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// UTF-8, checked; the null and the empty id are one.
    pub(crate) client_id: Bytes,
}

/// Tagged fields of a header that are skipped; more than this many is no honest client.
const MAX_HEADER_TAGS: u32 = 64;

impl RequestHeader {
    /// Splits a frame (without its length) into header and body. `None` if the bytes are no header.
    pub(crate) fn split(mut frame: Bytes) -> Option<(Self, Bytes)> {
        if frame.remaining() < 8 {
            return None;
        }
        let mut header = Self {
            api_key: frame.get_i16(),
            version: frame.get_i16(),
            correlation_id: frame.get_i32(),
            client_id: Bytes::new(),
        };
        header.client_id = take_client_id(&mut frame)?;
        if header.is_flexible() {
            skip_tags(&mut frame)?;
        }
        Some((header, frame))
    }

    pub(crate) fn client_id(&self) -> &str {
        std::str::from_utf8(&self.client_id).unwrap_or_default()
    }

    fn is_flexible(&self) -> bool {
        ApiKey::try_from(self.api_key).is_ok_and(|key| key.request_header_version(self.version) >= 2)
    }
}

fn take_client_id(frame: &mut Bytes) -> Option<Bytes> {
    let length = frame.try_get_i16().ok()?;
    let Ok(length) = usize::try_from(length) else { return Some(Bytes::new()) };
    let client_id = (length <= frame.remaining()).then(|| frame.split_to(length))?;
    std::str::from_utf8(&client_id).ok()?;
    Some(client_id)
}

fn skip_tags(frame: &mut Bytes) -> Option<()> {
    let count = unsigned_varint(frame)?;
    if count > MAX_HEADER_TAGS {
        return None;
    }
    for _ in 0..count {
        unsigned_varint(frame)?;
        let size = unsigned_varint(frame)? as usize;
        (size <= frame.remaining()).then(|| frame.advance(size))?;
    }
    Some(())
}

fn unsigned_varint(frame: &mut Bytes) -> Option<u32> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = frame.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flexible_header_ends_after_its_tagged_fields() {
        // Metadata v9, correlation 5, client "ab", one tag 7 of two bytes, then the body.
        let frame = Bytes::from_static(b"\x00\x03\x00\x09\x00\x00\x00\x05\x00\x02ab\x01\x07\x02xybody");
        let (header, body) = RequestHeader::split(frame).unwrap();
        assert_eq!((header.client_id(), header.correlation_id), ("ab", 5));
        assert_eq!(&body[..], b"body");
    }

    #[test]
    fn no_cut_frame_is_a_header() {
        let whole = Bytes::from_static(b"\x00\x03\x00\x09\x00\x00\x00\x05\x00\x02ab\x01\x07\x02xy");
        for length in 0..whole.len() {
            assert_eq!(RequestHeader::split(whole.slice(..length)), None, "{length} bytes");
        }
    }

    #[test]
    fn a_client_id_that_is_longer_than_the_frame_is_refused() {
        let frame = Bytes::from_static(b"\x00\x03\x00\x01\x00\x00\x00\x05\x7f\xffab");
        assert_eq!(RequestHeader::split(frame), None);
    }
}
