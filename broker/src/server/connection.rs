//! One connection: reads requests, has them served, sends the answers in the order of the requests.
//!
//! A request is served on this task. While the answer of a produce waits for durability, further produces are
//! read and appended (bounded by `connection.max.inflight.bytes`); any other request waits its turn.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kafka_protocol::messages::ApiKey;
use millstream_wire::frame::FrameError;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::Instant;

use crate::api::{Peer, Shared};
use crate::metrics::{Begun, Counters, Ending};
use crate::server::dispatch::{Fault, dispatch};
use crate::server::input::Input;
use crate::server::output::Output;
use crate::server::reply::{Answer, Reply};

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    #[error("the client closed it")]
    ByClient,
    #[error("the broker stops")]
    ByServer,
    #[error("nothing arrived for connections.max.idle.ms={0}")]
    Idle(i64),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] Fault),
}

impl Closed {
    /// What became of the connection, in a word or two.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Frame(_) => "closed for a bad frame",
            Self::Request(_) => "closed for a bad request",
            Self::ByClient | Self::ByServer | Self::Idle(_) | Self::Io(_) => "closed",
        }
    }

    /// The same for metrics.
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::ByClient | Self::Io(_) => Ending::ByClient,
            Self::ByServer => Ending::ByServer,
            Self::Idle(_) => Ending::Idle,
            Self::Frame(_) => Ending::BadFrame,
            Self::Request(_) => Ending::BadRequest,
        }
    }

    /// Whether it is nothing an operator has to know.
    pub(crate) fn is_ordinary(&self) -> bool {
        matches!(self, Self::ByClient | Self::ByServer | Self::Idle(_) | Self::Io(_))
    }
}

/// How often a quiet connection gives its read buffer back.
const TICK: Duration = Duration::from_secs(10);

/// An answer that waits, and how many bytes its request holds.
struct Waiting {
    reply: BoxFuture<'static, Result<Reply, Fault>>,
    bytes: usize,
    /// Whether requests behind it may be served meanwhile.
    lets_pass: bool,
    begun: Begun,
}

/// The state of one connection's task. Nothing of it is shared.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    peer: Peer,
    input: Input,
    output: Output,
    waiting: VecDeque<Waiting>,
    /// Bytes of requests in `waiting`.
    inflight: usize,
    last_activity: Instant,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer) -> Self {
        let max_frame = usize::try_from(shared.settings.socket_request_max_bytes).unwrap_or(0);
        Self {
            shared,
            peer,
            input: Input::new(max_frame),
            output: Output::default(),
            waiting: VecDeque::new(),
            inflight: 0,
            last_activity: Instant::now(),
        }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.peer.remote
    }

    /// Serves the connection until it ends, and says why it did.
    pub(crate) async fn run(mut self, mut stream: TcpStream) -> Closed {
        let (mut reader, writer) = stream.split();
        let tick = tokio::time::sleep(self.tick());
        tokio::pin!(tick);
        loop {
            if let Err(closed) = self.serve_buffered() {
                // What was answered before the fault is still owed.
                let _ = self.output.flush(writer.as_ref()).await;
                return closed;
            }
            let wants_input = self.wants_input();
            let event = tokio::select! {
                biased;
                flushed = self.output.flush(writer.as_ref()), if !self.output.is_empty() => Event::Flushed(flushed),
                reply = first(&mut self.waiting), if !self.waiting.is_empty() => Event::Reply(reply),
                read = read(&mut reader, &mut self.input), if wants_input => Event::Read(read),
                () = &mut tick => Event::Tick,
            };
            if let Err(closed) = self.handle(event) {
                return closed;
            }
            if tick.is_elapsed() {
                tick.as_mut().reset(Instant::now() + self.tick());
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Closed> {
        match event {
            Event::Tick => return self.check_idle(),
            Event::Flushed(flushed) => flushed?,
            Event::Reply(reply) => self.finish_first(reply?),
            Event::Read(read) => match read? {
                0 => return Err(Closed::ByClient),
                bytes => self.input.note_read(bytes),
            },
        }
        self.last_activity = Instant::now();
        Ok(())
    }

    /// Serves every request that has arrived whole and whose turn it is.
    fn serve_buffered(&mut self) -> Result<(), Closed> {
        while self.may_serve_next() {
            let Some(frame) = self.input.next_frame()? else { return Ok(()) };
            let bytes = frame.len();
            let api_key = api_key(&frame);
            let lets_pass = api_key == Some(ApiKey::Produce as i16);
            let begun = Counters::begin(api_key);
            let reply = match dispatch(&self.shared, self.peer, frame)? {
                Answer::None => {
                    self.shared.counters.end(begun);
                    continue;
                }
                Answer::Ready(reply) if self.waiting.is_empty() => {
                    self.shared.counters.end(begun);
                    self.output.push(reply);
                    continue;
                }
                Answer::Ready(reply) => Box::pin(std::future::ready(Ok(reply))),
                Answer::Waiting(reply) => reply,
            };
            self.wait(Waiting { reply, bytes, lets_pass, begun });
        }
        Ok(())
    }

    fn wait(&mut self, waiting: Waiting) {
        self.inflight += waiting.bytes;
        self.shared.counters.waiting(waiting.begun);
        self.waiting.push_back(waiting);
    }

    fn finish_first(&mut self, reply: Reply) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.inflight -= waiting.bytes;
            self.shared.counters.no_longer_waiting(waiting.begun);
            self.shared.counters.end(waiting.begun);
        }
        self.output.push(reply);
    }

    fn may_serve_next(&self) -> bool {
        let Some(last) = self.waiting.back() else { return true };
        let next_is_produce = self.input.next_api_key() == Some(ApiKey::Produce as i16);
        last.lets_pass && next_is_produce && self.inflight < self.max_inflight()
    }

    /// Reading goes on while an answer waits, so that a closed connection is noticed; a whole request that may
    /// not be served yet stops it, and so bounds what is buffered.
    fn wants_input(&self) -> bool {
        self.output.is_empty() && !self.input.has_work()
    }

    fn max_inflight(&self) -> usize {
        usize::try_from(self.shared.settings.inflight_max_bytes).unwrap_or(0)
    }

    /// When to look next whether anything still happens.
    fn tick(&self) -> Duration {
        let limit = u64::try_from(self.shared.settings.connections_max_idle_ms);
        limit.map_or(TICK, |limit| Duration::from_millis(limit.max(1)).min(TICK))
    }

    fn check_idle(&mut self) -> Result<(), Closed> {
        // Whoever waits for an answer is not idle: a join lasts as long as the slowest member.
        if !self.waiting.is_empty() {
            return Ok(());
        }
        let quiet = self.last_activity.elapsed();
        let limit = self.shared.settings.connections_max_idle_ms;
        if u64::try_from(limit).is_ok_and(|limit| quiet >= Duration::from_millis(limit)) {
            return Err(Closed::Idle(limit));
        }
        if quiet >= TICK / 2 {
            self.input.shrink();
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for waiting in &self.waiting {
            self.shared.counters.no_longer_waiting(waiting.begun);
        }
    }
}

enum Event {
    Flushed(io::Result<()>),
    Reply(Result<Reply, Fault>),
    Read(io::Result<usize>),
    Tick,
}

/// The answer of the request that has waited longest.
async fn first(waiting: &mut VecDeque<Waiting>) -> Result<Reply, Fault> {
    match waiting.front_mut() {
        Some(waiting) => waiting.reply.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Reads what has arrived. Before that there is no buffer, so that a thousand silent connections cost little.
async fn read(reader: &mut ReadHalf<'_>, input: &mut Input) -> io::Result<usize> {
    if !input.has_buffer() {
        reader.readable().await?;
    }
    reader.read_buf(input.room()).await
}

fn api_key(frame: &[u8]) -> Option<i16> {
    frame.first_chunk().map(|key| i16::from_be_bytes(*key))
}
