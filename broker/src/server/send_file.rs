//! File ranges to sockets: by the kernel on Linux, through memory elsewhere.

use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::log::FileRange;

/// Sends what the socket takes of a range. A range that has become shorter cannot be made good: its length was
/// promised, so the connection ends.
#[cfg(target_os = "linux")]
pub(crate) async fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    let Some(file) = range.file.descriptor() else { return send_copy(stream, range).await };
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            let mut position = range.position;
            Ok(rustix::fs::sendfile(stream, file, Some(&mut position), range.len)?)
        })
        .await?;
    if sent == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(sent) }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use send_copy as send_file;

/// The same through a buffer of a bounded size.
pub(crate) async fn send_copy(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    const MAX_COPY: usize = 256 * 1024;
    let mut buffer = vec![0; range.len.min(MAX_COPY)];
    let read = range.file.read_at(&mut buffer, range.position)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.async_io(Interest::WRITABLE, || stream.try_write(&buffer[..read])).await
}
