//! One request as it leaves, one answer as it arrives.
//!
//! ```text
//! request:  length i32 | api key i16 | version i16 | correlation id i32 | client id | [tags] | body
//! answer:   length i32 | correlation id i32 | [tags] | body
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use millstream_wire::frame::parse_response;
use millstream_wire::messages::decode_response;
use smallvec::SmallVec;

use crate::{Error, Result};

const LENGTH_AT: usize = 0;
const CORRELATION_AT: usize = 8;
/// Room for the header of a request; the body grows from there.
const HEAD_CAPACITY: usize = 256;

/// A request in the pieces it is made of, so that record batches go to the socket from where they lie.
#[derive(Debug)]
pub(crate) struct Frame {
    head: BytesMut,
    tail: SmallVec<[Bytes; 2]>,
}

impl Frame {
    /// Starts a frame with the header of an `R` of this version.
    pub(crate) fn start<R: Request>(version: i16, client_id: &str) -> Result<Self> {
        let mut head = BytesMut::with_capacity(HEAD_CAPACITY);
        head.put_i32(0);
        RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_string(client_id.to_owned())))
            .encode(&mut head, R::header_version(version))
            .map_err(|error| unencodable::<R>(&error))?;
        Ok(Self { head, tail: SmallVec::new() })
    }

    /// The part that is written before all pieces of [`Self::append`].
    pub(crate) fn head(&mut self) -> &mut BytesMut {
        &mut self.head
    }

    /// Adds a piece at the end without copying it.
    pub(crate) fn append(&mut self, piece: Bytes) {
        self.tail.push(piece);
    }

    /// Fills in what is known only when the frame leaves, and gives the pieces up.
    pub(crate) fn seal(mut self, correlation_id: i32) -> SmallVec<[Bytes; 4]> {
        let len = self.head.len() - 4 + self.tail.iter().map(Bytes::len).sum::<usize>();
        self.head[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&(len as i32).to_be_bytes());
        self.head[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation_id.to_be_bytes());
        let mut pieces = SmallVec::with_capacity(1 + self.tail.len());
        pieces.push(self.head.freeze());
        pieces.extend(self.tail);
        pieces
    }
}

/// A whole request in one piece.
pub(crate) fn encode<R: Request>(request: &R, version: i16, client_id: &str) -> Result<Frame> {
    let mut frame = Frame::start::<R>(version, client_id)?;
    request.encode(&mut frame.head, version).map_err(|error| unencodable::<R>(&error))?;
    Ok(frame)
}

/// Reads the answer to an `R` of this version; slices in it share the frame's memory.
pub(crate) fn decode<R: Request>(frame: &Bytes, version: i16, address: &str) -> Result<R::Response> {
    let malformed = |error: &dyn std::fmt::Display| Error::Malformed {
        address: address.into(),
        reason: format!("{}: {error}", name::<R>()).into(),
    };
    let (_, body) = parse_response(R::KEY, version, frame).map_err(|error| malformed(&error))?;
    decode_response::<R>(version, frame.slice_ref(body)).map_err(|error| malformed(&error))
}

/// The name of a request as Kafka has it, without path and suffix.
pub(crate) fn name<R>() -> &'static str {
    let path = std::any::type_name::<R>();
    path.rsplit("::").next().unwrap_or(path).trim_end_matches("Request")
}

fn unencodable<R>(error: &impl std::fmt::Display) -> Error {
    Error::Misuse(format!("{} cannot be encoded: {error}", name::<R>()).into())
}
