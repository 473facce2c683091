//! The sockets: what comes over them is divided and left in one bounded queue.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_http::{Place, Places};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::interval;

use super::framing::{Frame, Frames, NoLength, trimmed};
use super::options::{Protocol, SyslogOptions};
use super::overflow::Overflow;

/// Bytes read from a connection at once.
const READ_BYTES: usize = 16 * 1024;
/// How long a connection that has sent no message yet keeps its place from who comes when all are taken.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for what was lost.
const LOOK: Duration = Duration::from_secs(10);
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
            tasks.spawn(accept(listener, queue.clone(), options.clone(), SILENCE_MAX));
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
    let (mut overflow, mut looks) = (Overflow::of(&socket), interval(LOOK));
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            _ = looks.tick() => {
                overflow.as_mut().into_iter().for_each(tell);
                continue;
            }
        };
        // An error speaks of an answer that nobody wanted: there was none sent.
        let Ok((length, peer)) = received else { continue };
        let taken = length.min(bytes_max);
        let frame =
            Frame { bytes: trimmed(Bytes::copy_from_slice(&buffer[..taken])), is_cut: length > taken };
        if !frame.bytes.is_empty() && !queue.put(frame, peer.ip()).await {
            return;
        }
    }
}

/// Tells of what was lost before it could be read.
fn tell(overflow: &mut Overflow) {
    let lost = overflow.more();
    if lost > 0 {
        let all = overflow.told;
        tracing::warn!(
            lost,
            all,
            "messages by UDP were lost: the system had no room for them. Raise receive.buffer.bytes and net.core.rmem_max, or have them sent by TCP"
        );
    }
}

async fn accept(listener: TcpListener, queue: Queue, options: SyslogOptions, silence_max: Duration) {
    let mut connections = JoinSet::new();
    let (places, free) = (Arc::new(Places::default()), Arc::new(Semaphore::new(options.connections_max)));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("no connection can be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Err(_) if places.take_one(silence_max) => {
                tracing::warn!(
                    "a connection without a message is closed for that of {peer}: connections.max are open"
                );
                Arc::clone(&free).acquire_owned().await.map_err(drop)
            }
            permit => permit.map_err(drop),
        };
        let Ok(permit) = permit else {
            tracing::warn!("connection of {peer} closed: connections.max are open");
            continue;
        };
        // A sender whose machine is gone would hold its place for ever.
        let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
        let connection = Connection { stream, peer, place: Place::new(&places), permit };
        connections.spawn(connection.serve(queue.clone(), options.clone()));
    }
}

/// A sender.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// Another's, if it sends nothing for too long.
    place: Arc<Place>,
    permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(mut self, queue: Queue, options: SyslogOptions) {
        tokio::select! {
            read = read(&mut self.stream, self.peer.ip(), &queue, &self.place, &options) => if let Err(why) = read {
                tracing::warn!("connection of {} closed: {why}", self.peer);
            },
            () = self.place.taken() => {}
        }
        // Before the sender sees the end: it may come again at once.
        drop(self.permit);
    }
}

/// Reads a stream to its end.
async fn read(
    mut stream: impl AsyncRead + Unpin,
    peer: IpAddr,
    queue: &Queue,
    place: &Place,
    options: &SyslogOptions,
) -> Result<(), String> {
    let mut frames = Frames::new(options.framing, options.message_max);
    let mut buffer = vec![0; READ_BYTES];
    let broken = loop {
        match stream.read(&mut buffer).await {
            Ok(0) => break None,
            Ok(length) => frames.push(&buffer[..length]),
            Err(error) => break Some(error.to_string()),
        }
        match hand_on(&mut frames, peer, queue, place).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => break Some(error.to_string()),
        }
    };
    if let Some(frame) = frames.finish(broken.is_none()) {
        queue.put(frame, peer).await;
    }
    broken.map_or(Ok(()), Err)
}

/// Hands on the messages that are whole; `false` where nobody takes them any more.
async fn hand_on(frames: &mut Frames, peer: IpAddr, queue: &Queue, place: &Place) -> Result<bool, NoLength> {
    while let Some(frame) = frames.next()? {
        place.speaks();
        if !queue.put(frame, peer).await {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures::FutureExt;
    use tokio::io::{AsyncWriteExt, ReadBuf};

    use super::*;
    use crate::options::{Given, Options};

    fn options(more: &[(&str, &str)]) -> SyslogOptions {
        let given = [("topic", "t")].iter().chain(more);
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        SyslogOptions::read(&Given::new(&given)).unwrap()
    }

    /// A connection that breaks.
    struct Reset;

    impl AsyncRead for Reset {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }

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

    #[tokio::test]
    async fn who_has_sent_no_message_gives_way_and_who_has_does_not() {
        let options = options(&[("connections.max", "2")]);
        let (sender, mut arrived) = mpsc::unbounded_channel();
        let queue = Queue { arrived: sender, room: Arc::new(Semaphore::new(options.queue_max)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, queue, options, Duration::ZERO));
        let mut said = async |stream: &mut TcpStream, line: &str| {
            stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
            assert_eq!(arrived.recv().await.unwrap().frame.bytes, line);
        };
        let mut speaker = TcpStream::connect(address).await.unwrap();
        said(&mut speaker, "first").await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"<34>it goes on and").await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        said(&mut third, "third").await;
        assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
        said(&mut speaker, "again").await;
        let mut fourth = TcpStream::connect(address).await.unwrap();
        assert_eq!(fourth.read(&mut [0]).await.unwrap_or(0), 0, "all have sent something");
    }

    #[tokio::test]
    async fn what_a_connection_leaves_unfinished_is_handed_on_and_marked() {
        let options = options(&[]);
        let (sender, mut arrived) = mpsc::unbounded_channel();
        let queue = Queue { arrived: sender, room: Arc::new(Semaphore::new(options.queue_max)) };
        let place = Place::new(&Arc::new(Places::default()));
        let broken = b"<34>whole\n<34>ha".chain(Reset);
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert!(read(broken, peer, &queue, &place, &options).await.is_err());
        let mut found =
            async || arrived.recv().await.map(|arrived| (arrived.frame.bytes, arrived.frame.is_cut));
        assert_eq!(found().await.unwrap(), (Bytes::from_static(b"<34>whole"), false));
        assert_eq!(found().await.unwrap(), (Bytes::from_static(b"<34>ha"), true));
    }
}
