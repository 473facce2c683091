//! Frames: a length of 32 bits, then a header and a message.
//!
//! ```text
//! request   length i32 | api key i16 | version i16 | correlation id i32 | client id (i16 length) | tagged* | body
//! response  length i32 | correlation id i32 | tagged* | body                          * flexible versions only
//! ```

use crate::fields::{FieldError, FieldReader};
use crate::messages::{request_header_version, response_header_version};

/// Bytes of a frame's length.
pub const LENGTH_LEN: usize = 4;
/// Shortest request: key, version, correlation id and a null client id.
pub const MIN_REQUEST_LEN: usize = 10;

/// A frame that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes are those of another protocol.
    #[error(
        "{0} on a port that speaks the Kafka protocol in plaintext; check the client's port and security.protocol"
    )]
    Foreign(&'static str),
    /// A length below the shortest message.
    #[error("a frame of {0} bytes is too short for a message")]
    TooShort(i32),
    /// A length over the limit.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// What the frame claims.
        length: usize,
        /// The limit that was given.
        limit: usize,
    },
    /// A header that cannot be read.
    #[error("the header of the message: {0}")]
    Header(#[from] FieldError),
}

/// The length of the frame that these four bytes announce. Nothing may be allocated for it: it is a claim.
///
/// # Errors
/// When the length is below `shortest` or over `limit`, or the bytes begin another protocol.
pub fn frame_len(prefix: [u8; LENGTH_LEN], shortest: usize, limit: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    match usize::try_from(claimed) {
        Ok(length) if length < shortest => Err(FrameError::TooShort(claimed)),
        Ok(length) if length > limit => Err(foreign(prefix).unwrap_or(FrameError::TooLong { length, limit })),
        Ok(length) => Ok(length),
        Err(_) => Err(FrameError::TooShort(claimed)),
    }
}

/// What begins with these bytes, if it is something that people send by mistake. Each reads as a length of hundreds
/// of megabytes.
fn foreign(prefix: [u8; LENGTH_LEN]) -> Option<FrameError> {
    match &prefix {
        [0x16, 0x03, ..] => Some(FrameError::Foreign("a TLS handshake arrived")),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"PATC" | b"CONN" => {
            Some(FrameError::Foreign("an HTTP request arrived"))
        }
        b"SSH-" => Some(FrameError::Foreign("an SSH handshake arrived")),
        _ => None,
    }
}

/// A request's header, borrowed from its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// Which API, known or not.
    pub api_key: i16,
    /// Which version of it, known or not.
    pub api_version: i16,
    /// What the answer must carry.
    pub correlation_id: i32,
    /// The name that the client gave itself.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHeader<'a> {
    /// Reads the header of a frame (its length taken off) and gives the body too. An API or version that is not known
    /// is no error here, so that it can be named and answered; its body is then not to be trusted.
    ///
    /// # Errors
    /// When the header is cut short or the client id is not text.
    pub fn parse(frame: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        // The client id kept its plain form in flexible versions, so that it can be read before they are known.
        let mut reader = FieldReader::new(frame, false);
        let header = Self {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: reader.nullable_text()?,
        };
        let mut body = FieldReader::new(reader.rest(), true);
        if request_header_version(header.api_key, header.api_version) == 2 {
            body.skip_tagged()?;
        }
        Ok((header, body.rest()))
    }
}

/// Reads the header of a response's frame (its length taken off): correlation id and body.
///
/// # Errors
/// When the header is cut short.
pub fn parse_response(api_key: i16, version: i16, frame: &[u8]) -> Result<(i32, &[u8]), FrameError> {
    let mut reader = FieldReader::new(frame, true);
    let correlation_id = reader.i32()?;
    if response_header_version(api_key, version) == 1 {
        reader.skip_tagged()?;
    }
    Ok((correlation_id, reader.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kafka's `socket.request.max.bytes`.
    const MAX_REQUEST_LEN: usize = 100 * 1024 * 1024;

    #[test]
    fn lengths_are_claims() {
        let check = |prefix| frame_len(prefix, MIN_REQUEST_LEN, MAX_REQUEST_LEN);
        assert_eq!(check([0, 0, 0, 10]), Ok(10));
        assert_eq!(check([0, 0, 0, 3]), Err(FrameError::TooShort(3)));
        assert_eq!(check([0, 0, 0, 0]), Err(FrameError::TooShort(0)));
        assert_eq!(check([0xff; 4]), Err(FrameError::TooShort(-1)));
        assert_eq!(
            check([0x7f, 0xff, 0xff, 0xff]),
            Err(FrameError::TooLong { length: 0x7fff_ffff, limit: MAX_REQUEST_LEN })
        );
    }

    #[test]
    fn other_protocols_are_named() {
        for (prefix, word) in [([0x16, 3, 1, 2], "TLS"), (*b"GET ", "HTTP"), (*b"SSH-", "SSH")] {
            let error = frame_len(prefix, MIN_REQUEST_LEN, MAX_REQUEST_LEN).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_header_is_read_in_both_forms() {
        // ApiVersions 3 is flexible, Metadata 1 is not, version 99 of ApiVersions is read as flexible.
        let flexible = [0, 18, 0, 3, 0, 0, 0, 7, 0, 1, b'c', 0, 0xaa];
        let (header, body) = RequestHeader::parse(&flexible).unwrap();
        assert_eq!((header.correlation_id, header.client_id, body), (7, Some("c"), &[0xaa][..]));
        let plain = [0, 3, 0, 1, 0, 0, 0, 8, 0xff, 0xff, 0xaa];
        let (header, body) = RequestHeader::parse(&plain).unwrap();
        assert_eq!((header.correlation_id, header.client_id, body), (8, None, &[0xaa][..]));
        let unknown = [0, 18, 0, 99, 0, 0, 0, 9, 0xff, 0xff, 0, 0xaa];
        let (header, body) = RequestHeader::parse(&unknown).unwrap();
        assert_eq!((header.api_version, header.correlation_id, body), (99, 9, &[0xaa][..]));
    }

    #[test]
    fn every_short_header_is_refused() {
        let frame = [0, 18, 0, 3, 0, 0, 0, 7, 0, 1, b'c', 0];
        for cut in 0..frame.len() {
            assert!(RequestHeader::parse(&frame[..cut]).is_err(), "{cut}");
        }
    }
}
