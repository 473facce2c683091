//! Bytes read from a socket, cut into frames.

use bytes::{Buf, Bytes, BytesMut};
use millstream_wire::frame::{FrameError, MIN_REQUEST_LEN, frame_len};

/// The first reservation of a connection, and what it falls back to.
const MIN_CHUNK: usize = 16 * 1024;
/// What one read asks for at most.
const MAX_CHUNK: usize = 1024 * 1024;

/// The read buffer of one connection. It grows with the bytes that have arrived, never with a declared length.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// What the next read asks for; it doubles when a read fills it.
    chunk: usize,
    /// socket.request.max.bytes.
    max_frame: usize,
}

impl Input {
    pub(crate) fn new(max_frame: usize) -> Self {
        Self { buffer: BytesMut::new(), chunk: MIN_CHUNK, max_frame }
    }

    /// The buffer with room for the next read.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        let missing = self.missing().unwrap_or(0);
        let grown = missing.min(self.buffer.len()).max(self.chunk);
        self.buffer.reserve(grown);
        &mut self.buffer
    }

    /// Learns from the size of a read how much the next should ask for.
    pub(crate) fn note_read(&mut self, bytes: usize) {
        if bytes >= self.chunk {
            self.chunk = (self.chunk * 2).min(MAX_CHUNK);
        }
    }

    /// Gives a large buffer back once the connection has nothing to say.
    pub(crate) fn shrink(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.chunk = MIN_CHUNK;
        }
    }

    /// The next whole frame, without its length prefix.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.frame_length()? else { return Ok(None) };
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Whether a whole frame, or a fault, has arrived.
    pub(crate) fn has_work(&self) -> bool {
        match self.frame_length() {
            Ok(Some(length)) => self.buffer.len() >= 4 + length,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// The API key of the next frame, if that has arrived whole.
    pub(crate) fn next_api_key(&self) -> Option<i16> {
        let key = self.buffer.get(4..6)?;
        self.has_work().then(|| i16::from_be_bytes([key[0], key[1]]))
    }

    pub(crate) fn has_buffer(&self) -> bool {
        self.buffer.capacity() > 0
    }

    fn missing(&self) -> Option<usize> {
        let length = self.frame_length().ok()??;
        (4 + length).checked_sub(self.buffer.len())
    }

    fn frame_length(&self) -> Result<Option<usize>, FrameError> {
        let prefix = self.buffer.first_chunk().copied();
        prefix.map(|prefix| frame_len(prefix, MIN_REQUEST_LEN, self.max_frame)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::new(1000);
        input.room().extend_from_slice(bytes);
        input
    }

    #[test]
    fn frames_come_out_whole_and_in_order() {
        let mut input = input(b"\0\0\0\x0aabcdefghij\0\0\0\x0bABCDEFGHIJ");
        assert_eq!(input.next_frame().unwrap().unwrap(), "abcdefghij");
        assert_eq!(input.next_frame(), Ok(None));
        input.room().extend_from_slice(b"K");
        assert_eq!(input.next_frame().unwrap().unwrap(), "ABCDEFGHIJK");
    }

    #[test]
    fn a_declared_length_reserves_nothing() {
        let mut input = Input::new(100 << 20);
        input.room().extend_from_slice(&(100u32 << 20).to_be_bytes());
        assert!(input.room().capacity() < 4 * MIN_CHUNK);
    }
}
