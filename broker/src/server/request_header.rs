//! The header of a request, kept beyond its frame.

use bytes::Bytes;
use millstream_wire::frame::{self, FrameError};

/// A request's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    pub(crate) api_key: i16,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// UTF-8, checked; the null and the empty id are one. A view of the frame: no request pays for a copy.
    client_id: Bytes,
}

impl RequestHeader {
    /// Splits a frame (without its length) into header and body.
    pub(crate) fn split(frame: &Bytes) -> Result<(Self, Bytes), FrameError> {
        let (header, body) = frame::RequestHeader::parse(frame)?;
        let client_id = header.client_id.map(|id| frame.slice_ref(id.as_bytes()));
        let owned = Self {
            api_key: header.api_key,
            version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: client_id.unwrap_or_default(),
        };
        Ok((owned, frame.slice_ref(body)))
    }

    pub(crate) fn client_id(&self) -> &str {
        std::str::from_utf8(&self.client_id).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_begins_behind_the_header() {
        let frame = Bytes::from_static(b"\x00\x03\x00\x09\x00\x00\x00\x05\x00\x02ab\x01\x07\x02xybody");
        let (header, body) = RequestHeader::split(&frame).unwrap();
        assert_eq!((header.client_id(), header.correlation_id), ("ab", 5));
        assert_eq!(&body[..], b"body");
    }
}
