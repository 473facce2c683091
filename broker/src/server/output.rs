//! What a connection still has to send, and the few system calls that send it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Buf;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use smallvec::SmallVec;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::server::reply::{Part, Reply};
use crate::server::send_file::send_file;

/// Buffers handed to the kernel in one call.
const MAX_SLICES: usize = 64;

/// Answers in the order of their requests.
#[derive(Debug, Default)]
pub(crate) struct Output {
    parts: VecDeque<Part>,
}

impl Output {
    pub(crate) fn push(&mut self, reply: Reply) {
        self.parts.extend(reply.parts);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends everything; it waits where the client does not read.
    pub(crate) async fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while let Some(first) = self.parts.front() {
            let sent = match first {
                Part::Bytes(_) => self.send_bytes(stream).await?,
                Part::File(range) => send_file(stream, range).await?,
            };
            self.consume(sent);
        }
        Ok(())
    }

    /// Sends the buffers up to the next file range with one call.
    async fn send_bytes(&self, stream: &TcpStream) -> io::Result<usize> {
        let bytes = self.parts.iter().map_while(|part| match part {
            Part::Bytes(bytes) => Some(IoSlice::new(bytes)),
            Part::File(_) => None,
        });
        let slices: SmallVec<[IoSlice<'_>; 8]> = bytes.take(MAX_SLICES).collect();
        let mut flags = SendFlags::NOSIGNAL;
        // A header would otherwise leave, and wake the reader, before the file range that belongs to it.
        if slices.len() < self.parts.len() {
            flags |= SendFlags::MORE;
        }
        stream
            .async_io(Interest::WRITABLE, || {
                let mut no_control = SendAncillaryBuffer::default();
                Ok(rustix::net::sendmsg(stream, &slices, &mut no_control, flags)?)
            })
            .await
    }

    fn consume(&mut self, mut sent: usize) {
        while let Some(part) = self.parts.front_mut() {
            let length = part.len();
            if sent < length {
                part.advance(sent);
                return;
            }
            sent -= length;
            self.parts.pop_front();
        }
    }
}

impl Part {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::File(range) => {
                range.position += count as u64;
                range.len -= count;
            }
        }
    }
}
