//! Opening a TCP connection and reading frames off it.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

use super::buffers::Buffers;
use crate::config::{ClientConfig, split_address};

/// The longest answer that is read. Kafka bounds an answer by `fetch.max.bytes` and one over-long batch.
pub(super) const FRAME_MAX: usize = 256 << 20;
/// Memory given to a frame ahead of its bytes: the declared length is a claim.
const GROWTH: usize = 64 << 10;

/// Tries every address that the name stands for, within the configured time each.
pub(super) async fn connect(address: &str, config: &ClientConfig) -> Result<TcpStream> {
    let (host, port) =
        split_address(address).map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for socket_address in tokio::net::lookup_host((host, port)).await? {
        match tokio::time::timeout(config.connection_setup_timeout, TcpStream::connect(socket_address)).await
        {
            Ok(Ok(stream)) => return prepare(stream, config),
            Ok(Err(error)) => last = error,
            Err(_) => last = Error::new(ErrorKind::TimedOut, "socket.connection.setup.timeout.ms passed"),
        }
    }
    Err(last)
}

fn prepare(stream: TcpStream, config: &ClientConfig) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    if let Ok(bytes @ 1..) = usize::try_from(config.send_buffer_bytes) {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Ok(bytes @ 1..) = usize::try_from(config.receive_buffer_bytes) {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(stream)
}

/// What begins with these four bytes instead of a length.
fn misframed(claimed: i32) -> String {
    match claimed.to_be_bytes() {
        // A TLS record: an alert or a handshake, and the major version.
        [0x15 | 0x16, 3, ..] => "it speaks TLS".to_owned(),
        [b'H', b'T', b'T', b'P'] => "it speaks HTTP".to_owned(),
        _ => format!("a frame of {claimed} bytes (allowed: 4 to {FRAME_MAX})"),
    }
}

/// Reads one frame; memory grows with the bytes that arrive, never with the length that is claimed.
pub(super) async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
    buffers: &Arc<Buffers>,
) -> Result<Bytes> {
    let claimed = reader.read_i32().await?;
    let len = usize::try_from(claimed)
        .ok()
        .filter(|len| (4..=FRAME_MAX).contains(len))
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, misframed(claimed)))?;
    let mut buffer = buffers.take(len);
    while buffer.len() < len {
        let missing = len - buffer.len();
        if buffer.len() == buffer.capacity() {
            buffer.reserve(missing.min(buffer.len().max(GROWTH)));
        }
        if (&mut *reader).take(missing as u64).read_buf(&mut buffer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffers.freeze(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<Bytes> {
        read_frame(&mut bytes, &Arc::default()).await
    }

    #[tokio::test]
    async fn lengths_that_cannot_be_are_refused() {
        for claimed in [i32::MAX, -1, 0, 3] {
            let error = read(&claimed.to_be_bytes()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{claimed}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_ends_early_is_an_error() {
        let error = read(&[0, 0, 1, 0, 1, 2, 3]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_frame_is_read_to_its_end_and_no_further() {
        assert_eq!(read(&[0, 0, 0, 4, 1, 2, 3, 4, 5]).await.unwrap(), [1, 2, 3, 4][..]);
    }
}
