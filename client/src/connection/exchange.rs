//! The traffic of one socket: requests go out in order, answers come back in order.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::buffers::Buffers;
use super::frame::Frame;
use super::socket::read_frame;
use crate::{Error, Result};

/// How often time-outs are looked at; they are seconds long.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// Pieces handed to one `writev`.
const SLICES_MAX: usize = 64;
/// Small answers are read through a buffer of this size; frames go straight to their own memory.
const READ_BUFFER: usize = 4 << 10;

/// A request on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) frame: Frame,
    /// Nothing for `acks=0`, which is never answered.
    pub(super) reply: Option<oneshot::Sender<Result<Bytes>>>,
    /// After this without an answer the connection is given up.
    pub(super) timeout: Duration,
}

#[derive(Debug)]
struct Waiting {
    correlation_id: i32,
    reply: oneshot::Sender<Result<Bytes>>,
    deadline: Instant,
    timeout: Duration,
}

/// What the two directions of a socket share.
#[derive(Debug)]
pub(super) struct Exchange {
    address: Arc<str>,
    /// Requests without an answer, oldest first. A blocking lock: it is held for a push or a pop.
    waiting: Mutex<VecDeque<Waiting>>,
    /// When something was last sent or received, for `connections.max.idle.ms`.
    active: Mutex<Instant>,
    idle_max: Duration,
}

impl Exchange {
    pub(super) fn new(address: Arc<str>, idle_max: Duration) -> Self {
        Self { address, waiting: Mutex::default(), active: Mutex::new(Instant::now()), idle_max }
    }

    /// Carries requests and answers until the socket breaks, a request times out or nobody can send any more;
    /// then every waiting request learns why.
    pub(super) async fn run(&self, stream: TcpStream, requests: mpsc::Receiver<Outgoing>) -> Error {
        let (reader, writer) = stream.into_split();
        let error = tokio::select! {
            error = self.receive(reader) => self.broken(&error),
            error = self.send(writer, requests) => error,
        };
        for waiting in self.waiting.lock().drain(..) {
            let _ = waiting.reply.send(Err(error.clone()));
        }
        error
    }

    fn broken(&self, error: &io::Error) -> Error {
        if error.kind() == ErrorKind::InvalidData {
            return Error::Malformed { address: self.address.clone(), reason: error.to_string().into() };
        }
        let reason = match error.kind() {
            ErrorKind::UnexpectedEof => "the broker closed it".into(),
            _ => error.to_string().into(),
        };
        Error::Disconnected { address: self.address.clone(), reason }
    }

    async fn receive(&self, reader: impl AsyncRead + Unpin) -> io::Error {
        let buffers = Arc::new(Buffers::default());
        let mut reader = BufReader::with_capacity(READ_BUFFER, reader);
        loop {
            match read_frame(&mut reader, &buffers).await {
                Ok(frame) => {
                    if let Err(error) = self.answered(frame) {
                        return error;
                    }
                }
                Err(error) => return error,
            }
        }
    }

    fn answered(&self, frame: Bytes) -> io::Result<()> {
        let correlation_id = (&frame[..]).get_i32();
        *self.active.lock() = Instant::now();
        let mut waiting = self.waiting.lock();
        let expected = waiting.front().map(|waiting| waiting.correlation_id);
        if expected != Some(correlation_id) {
            let text = format!("answer {correlation_id} came where {expected:?} was due");
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        if let Some(waiting) = waiting.pop_front() {
            let _ = waiting.reply.send(Ok(frame));
        }
        Ok(())
    }

    async fn send(
        &self,
        mut writer: impl AsyncWrite + Unpin,
        mut requests: mpsc::Receiver<Outgoing>,
    ) -> Error {
        let mut correlation_id = 0_i32;
        let mut watch = tokio::time::interval(WATCH_EVERY);
        loop {
            tokio::select! {
                request = requests.recv() => {
                    let Some(request) = request else { return Error::Closed };
                    let mut pieces = self.register(request, &mut correlation_id);
                    while pieces.len() < SLICES_MAX / 2 && let Ok(next) = requests.try_recv() {
                        pieces.extend(self.register(next, &mut correlation_id));
                    }
                    if let Err(error) = write_all(&mut writer, &mut pieces).await {
                        return self.broken(&error);
                    }
                }
                _ = watch.tick() => {
                    if let Some(error) = self.overdue(Instant::now()) {
                        return error;
                    }
                }
            }
        }
    }

    /// Puts a request among the waiting ones before its first byte leaves, so that its answer finds it.
    fn register(&self, request: Outgoing, next_correlation_id: &mut i32) -> SmallVec<[Bytes; 4]> {
        let correlation_id = *next_correlation_id;
        *next_correlation_id = next_correlation_id.wrapping_add(1);
        let now = Instant::now();
        *self.active.lock() = now;
        if let Some(reply) = request.reply {
            let deadline = now + request.timeout;
            let waiting = Waiting { correlation_id, reply, deadline, timeout: request.timeout };
            self.waiting.lock().push_back(waiting);
        }
        request.frame.seal(correlation_id)
    }

    fn overdue(&self, now: Instant) -> Option<Error> {
        let waiting = self.waiting.lock();
        let idle = waiting.is_empty() && now.duration_since(*self.active.lock()) > self.idle_max;
        if idle {
            let reason = "it was idle for connections.max.idle.ms".into();
            return Some(Error::Disconnected { address: self.address.clone(), reason });
        }
        let late = waiting.iter().find(|waiting| waiting.deadline < now)?;
        Some(Error::RequestTimedOut { address: self.address.clone(), after: late.timeout })
    }
}

/// Writes all pieces with as few system calls as the socket takes.
async fn write_all(
    writer: &mut (impl AsyncWrite + Unpin),
    pieces: &mut SmallVec<[Bytes; 4]>,
) -> io::Result<()> {
    let mut first = 0;
    while first < pieces.len() {
        let mut written = {
            let rest = pieces[first..].iter().take(SLICES_MAX);
            let slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> = rest.map(|piece| IoSlice::new(piece)).collect();
            writer.write_vectored(&slices).await?
        };
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        while first < pieces.len() && written >= pieces[first].len() {
            written -= pieces[first].len();
            pieces[first] = Bytes::new();
            first += 1;
        }
        if written > 0 {
            pieces[first].advance(written);
        }
    }
    Ok(())
}
