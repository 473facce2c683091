//! Connections, counted, and closed when nothing to speak of comes over them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// A connection must bring [`BYTES_MIN`] within this. Longer than any request waits for its answer.
const QUIET_MAX: Duration = Duration::from_secs(90);
/// What counts as something: a head that arrives byte by byte does not.
const BYTES_MIN: usize = 256;
/// How long to wait where the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Accepts as many connections as may be open at once.
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, connections_max: usize) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(connections_max)) }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // Nobody closes the semaphore.
            let Ok(permit) = self.permits.clone().acquire_owned().await else {
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => return (Connection::new(stream, permit, QUIET_MAX), peer),
                Err(_) => sleep(EXHAUSTED).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A counted connection.
pub(super) struct Connection {
    stream: TcpStream,
    quiet_max: Duration,
    /// When it is closed, unless more comes.
    deadline: Pin<Box<Sleep>>,
    /// Bytes since the deadline was set.
    brought: usize,
    /// Given back when the connection is dropped.
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, quiet_max: Duration) -> Self {
        Self { stream, quiet_max, deadline: Box::pin(sleep(quiet_max)), brought: 0, _permit: permit }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) else {
            ready!(this.deadline.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        this.brought += buffer.filled().len() - before;
        if this.brought >= BYTES_MIN {
            this.brought = 0;
            this.deadline.as_mut().reset(Instant::now() + this.quiet_max);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn pair(quiet_max: Duration) -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        (client, Connection::new(listener.accept().await.unwrap().0, permit, quiet_max))
    }

    #[tokio::test]
    async fn no_more_are_accepted_than_may_be_open() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bounded = Bounded::new(listener, 1);
        let _clients =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (first, _) = bounded.accept().await;
        assert!(futures::poll!(Box::pin(bounded.accept())).is_pending());
        drop(first);
        bounded.accept().await;
    }

    #[tokio::test]
    async fn who_brings_nothing_or_byte_by_byte_is_closed() {
        let (mut client, mut connection) = pair(Duration::from_millis(20)).await;
        client.write_all(b"G").await.unwrap();
        let mut bytes = Vec::new();
        let why = connection.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!((why.kind(), bytes.as_slice()), (io::ErrorKind::TimedOut, b"G".as_slice()));
    }

    #[tokio::test]
    async fn who_brings_something_stays() {
        let (mut client, mut connection) = pair(Duration::from_secs(3_600)).await;
        connection.deadline = Box::pin(sleep(Duration::ZERO));
        client.write_all(&[b'x'; BYTES_MIN]).await.unwrap();
        connection.read_exact(&mut [0; BYTES_MIN]).await.unwrap();
        assert!(connection.deadline.deadline() > Instant::now() + Duration::from_secs(1_800));
    }
}
