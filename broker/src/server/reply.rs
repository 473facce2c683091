//! What goes back over a connection: bytes, and ranges of log files that the kernel sends by itself.

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::BoxFuture;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Encodable;
use smallvec::SmallVec;

use crate::log::FileRange;
use crate::server::dispatch::Fault;

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    Bytes(Bytes),
    /// Sent from the page cache without passing through this process.
    File(FileRange),
}

/// A whole answer, its length prefix included.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) parts: SmallVec<[Part; 2]>,
}

impl Reply {
    /// An answer that lies in one buffer.
    pub(crate) fn bytes(buffer: BytesMut) -> Self {
        let mut parts = SmallVec::new();
        parts.push(Part::Bytes(buffer.freeze()));
        Self { parts }
    }
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// A produce with acks=0: nothing is sent.
    None,
    Ready(Reply),
    /// The request waits: for durability, for data, or for other members of a group.
    Waiting(BoxFuture<'static, Result<Reply, Fault>>),
}

/// Which request an answer belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyHeader {
    pub(crate) api_key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
}

impl ReplyHeader {
    /// Starts an answer: room for the length, then the header. [`finish`] fills the length in.
    pub(crate) fn begin(self, capacity: usize) -> BytesMut {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.put_i32(0);
        buffer.put_i32(self.correlation_id);
        if self.api_key.response_header_version(self.version) >= 1 {
            buffer.put_u8(0);
        }
        buffer
    }

    /// Encodes a message as a whole answer.
    pub(crate) fn encode(self, message: &impl Encodable) -> Result<Reply, Fault> {
        const TYPICAL_BYTES: usize = 256;
        let mut buffer = self.begin(TYPICAL_BYTES);
        if let Err(error) = message.encode(&mut buffer, self.version) {
            tracing::error!("{:?} version {} has no encoding: {error}", self.api_key, self.version);
            return Err(Fault::Unencodable(self.api_key, self.version));
        }
        finish(&mut buffer, 0);
        Ok(Reply::bytes(buffer))
    }
}

/// Fills the length prefix in; `beyond` bytes follow those of the buffer.
pub(crate) fn finish(buffer: &mut BytesMut, beyond: usize) {
    let length = buffer.len() - 4 + beyond;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "answers are bounded by fetch.max.bytes and a frame"
    )]
    buffer[..4].copy_from_slice(&(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flexible_versions_have_tagged_fields_in_their_header_but_api_versions_never_has() {
        let header = |api_key, version| ReplyHeader { api_key, version, correlation_id: 7 }.begin(0).len();
        assert_eq!(header(ApiKey::Metadata, 8), 8);
        assert_eq!(header(ApiKey::Metadata, 9), 9);
        assert_eq!(header(ApiKey::ApiVersions, 4), 8);
    }
}
