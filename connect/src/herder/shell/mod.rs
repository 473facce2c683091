//! Around the machine: topics, tasks and those who ask.
//!
//! One driver takes every event and does what follows; callers look at the machine, write, and wait until their own
//! record has come back. Alone, a worker's topics are in memory and what it writes is read at once: the same machine.

mod answer;
mod driver;
mod error;
mod options;
mod positions;
mod topics;

pub use error::ClusterError;
pub use options::ClusterOptions;
pub use positions::TopicPositions;

use super::machine::{Event, Machine, Now, Timing, Verdict, Write};
use super::{Herder, TaskEvent, Worker};
use driver::{Driver, Source};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Writes that wait for the cluster; who writes more waits.
const WRITES_MAX: usize = 1_024;
/// What has come to pass and is not dealt with yet.
const EVENTS_MAX: usize = 1_024;
/// How long a write may take to come back (Kafka Connect's `READ_WRITE_TOTAL_TIMEOUT_MS`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at what somebody waits for.
const POLL: Duration = Duration::from_millis(20);
/// How long a worker that leaves waits for its tasks to end in order.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after that they may take to be gone.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker that runs: its [`Herder`], until it is closed.
pub struct Running {
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
    closing: mpsc::Sender<Event>,
}

/// Between the driver and who asks.
pub(super) struct Shared {
    /// Held for a look or an event, never over an await.
    machine: Mutex<Machine>,
    /// Who waits for a write of theirs to come back.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Verdict>>>,
    writes: mpsc::Sender<Write>,
    worker: Arc<dyn Worker>,
    cluster_id: String,
    begun: Instant,
    levels: Levels,
}

/// What sets the level of a logger of this process.
pub type Levels = Arc<dyn Fn(&str, &str) + Send + Sync>;

impl Shared {
    fn now(&self) -> Now {
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { ms, wall_ms: i64::try_from(wall_ms).unwrap_or(i64::MAX) }
    }
}

/// What a worker is made from.
pub struct Parts {
    /// Who runs its tasks.
    pub worker: Arc<dyn Worker>,
    /// What they tell.
    pub events: mpsc::Receiver<TaskEvent>,
    /// `host:port` of its REST surface: what statuses name.
    pub id: String,
    /// Of the Kafka cluster.
    pub cluster_id: String,
    /// What sets the level of a logger.
    pub levels: Levels,
}

/// A worker of its own, which forgets its connectors when it ends. To be called within a tokio runtime.
#[must_use]
pub fn alone(parts: Parts) -> Running {
    // Its beats come back at once: only the clock's own jumps could cut it off.
    let timing =
        Timing { heartbeat_ms: 1_000, session_ms: 3_600_000, margin_ms: 0, rebalance_delay_ms: u64::MAX };
    let (writes, written) = mpsc::channel(WRITES_MAX);
    run(parts, timing, writes, Source::memory(written))
}

/// A worker of a cluster, which it finds in the topics of `options`. To be called within a tokio runtime.
///
/// # Errors
/// The topics cannot be made, read or written, or are not as they must be.
pub async fn join(
    parts: Parts,
    options: &ClusterOptions,
    settings: &BTreeMap<String, String>,
) -> Result<Running, ClusterError> {
    let (writes, written) = mpsc::channel(WRITES_MAX);
    let source = topics::open(options, settings, written).await?;
    Ok(run(parts, options.timing(), writes, source))
}

fn run(parts: Parts, timing: Timing, writes: mpsc::Sender<Write>, source: Source) -> Running {
    let Parts { worker, events, id, cluster_id, levels } = parts;
    let machine = Machine::new(id, rand::random(), env!("CARGO_PKG_VERSION"), timing);
    let shared = Arc::new(Shared {
        machine: Mutex::new(machine),
        waiting: Mutex::default(),
        writes,
        worker,
        cluster_id,
        begun: Instant::now(),
        levels,
    });
    let (closing, internal) = mpsc::channel(EVENTS_MAX);
    let driver = Driver::new(Arc::clone(&shared), source, events, closing.clone(), internal);
    Running { shared, driver: tokio::spawn(driver.run()), closing }
}

impl Running {
    /// What REST talks to.
    #[must_use]
    pub fn herder(&self) -> Arc<dyn Herder> {
        Arc::clone(&self.shared) as Arc<dyn Herder>
    }

    /// Stops all tasks, lets go of them, so that others take them at once, and ends.
    pub async fn close(self) {
        let actions = self.shared.machine.lock().leave(self.shared.now());
        for action in actions {
            // The driver does them; it lives as long as this.
            let _ = self.closing.send(Event::Then(Box::new(action))).await;
        }
        if !self.is_idle_within(LEAVE_TIMEOUT).await {
            let unfinished = self.shared.machine.lock().unfinished();
            unfinished.iter().for_each(|task| self.shared.worker.abort(task));
        }
        // Who says farewell is gone: others begin at once what may still run here.
        if self.is_idle_within(ABORT_TIMEOUT).await {
            let farewell = self.shared.machine.lock().farewell();
            let _ = self.shared.write_and_wait(farewell).await;
        }
        self.driver.abort();
    }

    async fn is_idle_within(&self, limit: Duration) -> bool {
        let idle = async {
            while !self.shared.machine.lock().is_idle() {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(limit, idle).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::{Note, Topic};
    use super::*;
    use crate::Registry;
    use crate::herder::Config;
    use crate::rest::{Loggers, Rest, RestOptions, RestServer};
    use crate::runtime::{PositionFile, TaskRunner};
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn asked(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// A worker whose topics have what is sent to it, and which asks nobody.
    fn reading(
        dir: &tempfile::TempDir,
        stored: mpsc::Receiver<Event>,
        writes: mpsc::Sender<Write>,
    ) -> Running {
        let positions = Arc::new(PositionFile::open(dir.path().join("positions")).unwrap());
        let (tell, events) = mpsc::channel(1);
        let worker = TaskRunner::new(Arc::new(Registry::empty()), Config::new(), positions, tell).unwrap();
        let (id, cluster_id) = ("w:1".to_owned(), "c".to_owned());
        let parts = Parts { worker: Arc::new(worker), events, id, cluster_id, levels: Arc::new(|_, _| {}) };
        let timing = Timing { heartbeat_ms: 1_000, session_ms: 10_000, margin_ms: 0, rebalance_delay_ms: 0 };
        run(parts, timing, writes, Source::Topics(stored))
    }

    /// Who asked for its connectors would be told that there is none, and make it anew.
    #[tokio::test]
    async fn what_is_stored_is_not_asked_for_before_all_of_it_has_been_read() {
        let (dir, settings) = (tempfile::tempdir().unwrap(), Config::new());
        let (read, stored) = mpsc::channel(8);
        let (writes, _written) = mpsc::channel(WRITES_MAX);
        let running = reading(&dir, stored, writes);
        let loggers = Arc::new(Loggers::new("INFO", |_, _| {}));
        let options = RestOptions::of(&settings).unwrap();
        let registry = Arc::new(Registry::empty());
        let rest = Rest::new(running.herder(), registry, &settings, loggers, options).ok().unwrap();
        let server = RestServer::bind("127.0.0.1:0").await.unwrap();
        let address = server.address();
        tokio::spawn(server.serve(rest));

        assert!(asked(address, "/").await.starts_with("HTTP/1.1 200"));
        let connectors = tokio::spawn(asked(address, "/connectors"));
        let connector = Event::Read {
            topic: Topic::Config,
            offset: 0,
            key: "connector-orders".to_owned(),
            value: Some(br#"{"properties": {"name": "orders", "connector.class": "none"}}"#.to_vec()),
            note: Note::default(),
        };
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!connectors.is_finished());
        read.send(connector).await.unwrap();
        read.send(Event::CaughtUp).await.unwrap();
        let answer = connectors.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"["orders"]"#), "{answer}");
    }
}
