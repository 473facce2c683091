//! The sockets: what comes over them is divided and left in one bounded queue.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::framing::{Frame, Frames, trimmed};
use super::options::{Protocol, SyslogOptions};

/// Bytes read from a connection at once.
const READ_BYTES: usize = 16 * 1024;
/// What a message takes in the queue besides its bytes.
const MESSAGE_OVERHEAD: usize = 256;

/// A message that waits to be taken.
pub(super) struct Arrived {
    pub(super) frame: Frame,
    pub(super) peer: IpAddr,
    /// Its place in the queue, given back once it is taken.
    pub(super) _room: OwnedSemaphorePermit,
}

/// The sockets of a task, closed when this is dropped.
pub(super) struct Listeners {
    tasks: JoinSet<()>,
    pub(super) arrived: mpsc::UnboundedReceiver<Arrived>,
}

/// Where connections leave what they read. The channel has no bound of its own: `room` is one in bytes.
#[derive(Clone)]
struct Queue {
    arrived: mpsc::UnboundedSender<Arrived>,
    room: Arc<Semaphore>,
}

impl Queue {
    /// Waits for room; `false` where nobody takes messages any more.
    async fn put(&self, frame: Frame, peer: IpAddr) -> bool {
        let size = u32::try_from(frame.bytes.len() + MESSAGE_OVERHEAD).unwrap_or(u32::MAX);
        let Ok(room) = self.room.clone().acquire_many_owned(size).await else { return false };
        self.arrived.send(Arrived { frame, peer, _room: room }).is_ok()
    }
}

impl Listeners {
    /// Opens the sockets; the error says what to do.
    pub(super) async fn open(options: &SyslogOptions) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!(
                "{} cannot be listened on ({error}): give another address, or end what has it",
                options.listen
            )
        };
        let (sender, arrived) = mpsc::unbounded_channel();
        let queue = Queue { arrived: sender, room: Arc::new(Semaphore::new(options.queue_max)) };
        let mut tasks = JoinSet::new();
        let mut listen = options.listen.clone();
        if options.protocol != Protocol::Udp {
            let listener = TcpListener::bind(&listen).await.map_err(failed)?;
            // Where port 0 was asked for, UDP takes the one that TCP got.
            listen = listener.local_addr().map_err(failed)?.to_string();
            tasks.spawn(accept(listener, queue.clone(), options.clone()));
        }
        if options.protocol != Protocol::Tcp {
            let socket = UdpSocket::bind(&listen).await.map_err(failed)?;
            // Less is no failure: the system has its own limit.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, options.receive_buffer);
            tasks.spawn(datagrams(socket, queue, options.message_max));
        }
        tracing::info!("syslog is received on {listen}");
        Ok(Self { tasks, arrived })
    }

    /// Closes the sockets. What waits can still be taken.
    pub(super) fn close(&mut self) {
        self.tasks.abort_all();
    }
}

async fn datagrams(socket: UdpSocket, queue: Queue, bytes_max: usize) {
    // One more than fits tells that a message was longer.
    let mut buffer = vec![0; bytes_max + 1];
    loop {
        // An error speaks of an answer that nobody wanted: there was none sent.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let taken = length.min(bytes_max);
        let frame =
            Frame { bytes: trimmed(Bytes::copy_from_slice(&buffer[..taken])), is_cut: length > taken };
        if !frame.bytes.is_empty() && !queue.put(frame, peer.ip()).await {
            return;
        }
    }
}

async fn accept(listener: TcpListener, queue: Queue, options: SyslogOptions) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(options.connections_max));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match places.clone().try_acquire_owned() {
                    Ok(place) => {
                        // A sender whose machine is gone would hold its place for ever.
                        let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
                        connections.spawn(connection(stream, peer, place, queue.clone(), options.clone()));
                    }
                    Err(_) => tracing::warn!("connection of {peer} closed: connections.max are open"),
                },
                Err(error) => {
                    tracing::warn!("no connection can be accepted: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    queue: Queue,
    options: SyslogOptions,
) {
    if let Err(why) = read(&mut stream, peer.ip(), &queue, &options).await {
        tracing::warn!("connection of {peer} closed: {why}");
    }
    // Before the sender sees the end: it may come again at once.
    drop(place);
}

/// Reads a stream to its end.
async fn read(
    mut stream: impl AsyncRead + Unpin,
    peer: IpAddr,
    queue: &Queue,
    options: &SyslogOptions,
) -> Result<(), String> {
    let mut frames = Frames::new(options.framing, options.message_max);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = stream.read(&mut buffer).await.map_err(|error| error.to_string())?;
        if length == 0 {
            if let Some(frame) = frames.finish() {
                queue.put(frame, peer).await;
            }
            return Ok(());
        }
        frames.push(&buffer[..length]);
        while let Some(frame) = frames.next().map_err(|error| error.to_string())? {
            if !queue.put(frame, peer).await {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_in_bytes() {
        let (arrived, mut waiting) = mpsc::unbounded_channel();
        let queue = Queue { arrived, room: Arc::new(Semaphore::new(3 * MESSAGE_OVERHEAD)) };
        let frame = || Frame { bytes: Bytes::from_static(b"x"), is_cut: false };
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert!(queue.put(frame(), peer).await && queue.put(frame(), peer).await);
        let mut third = Box::pin(queue.put(frame(), peer));
        assert!((&mut third).now_or_never().is_none());
        drop(waiting.recv().await);
        assert!(third.await);
    }
}
