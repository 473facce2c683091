//! What tasks have done, as Prometheus reads it: text format 0.0.4, names that begin with `millstream_connect_`.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use millstream_exposition::{CONTENT_TYPE as TEXT, Labels, Page, process};

use super::meter::{StageSeconds, TaskMetrics};
use super::standing::remarks;
use crate::herder::{State, TaskId};
use crate::http::server::HttpServer;

/// Scrapes at the same time.
const CONNECTIONS_MAX: usize = 32;

/// What a task can be in, each with a sample of its own that is 0 or 1.
const STATES: [(State, &str); 7] = [
    (State::Unassigned, "UNASSIGNED"),
    (State::Running, "RUNNING"),
    (State::Degraded, "DEGRADED"),
    (State::Paused, "PAUSED"),
    (State::Failed, "FAILED"),
    (State::Restarting, "RESTARTING"),
    (State::Halted, "HALTED"),
];

/// A counter's name, what it counts, and where it stands.
type Counter = (&'static str, &'static str, fn(&TaskMetrics) -> u64);

const COUNTERS: [Counter; 8] = [
    ("records_read_total", "Records from the other side, or from topics", |task| task.records_read),
    ("records_written_total", "Records acknowledged by the broker, or taken by the target", |task| {
        task.records_written
    }),
    ("records_filtered_total", "Records that a transform dropped", |task| task.records_filtered),
    ("records_failed_total", "Records that failed for good", |task| task.records_failed),
    ("dead_letters_total", "Records that are in the topic of dead letters", |task| task.dead_letters),
    ("retries_total", "Attempts after the first", |task| task.retries),
    ("bytes_total", "Bytes of keys and values to or from topics", |task| task.bytes),
    ("commits_total", "How often positions were stored or offsets committed", |task| task.commits),
];

/// All numbers of these tasks, and of the memory that they share: what they take, and may take, in bytes. Those of a failed task
/// stay as they are. Remarks say why tasks do not run as they should.
///
#[doc = include_str!("../../../monitoring/connect.md")]
#[must_use]
pub fn exposition(tasks: &[(TaskId, TaskMetrics)], memory: (usize, u64)) -> String {
    let mut page = Page::new("millstream_connect_");
    let states = tasks.iter().flat_map(|(id, task)| {
        STATES.map(|(state, name)| (labels(id).and("state", name), f64::from(u8::from(task.state == state))))
    });
    page.gauge("task_state", "1 for the state that a task is in, 0 for the others", states);
    #[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are doubles")]
    let since = tasks.iter().map(|(id, task)| (labels(id), task.since_ms as f64 / 1e3));
    page.gauge("task_state_since_seconds", "When a task came to its state, since 1970", since);
    for (name, help, read) in COUNTERS {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are doubles")]
        page.counter(name, help, tasks.iter().map(|(id, task)| (labels(id), read(task) as f64)));
    }
    #[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are doubles")]
    let lag = tasks.iter().filter_map(|(id, task)| Some((labels(id), task.lag? as f64)));
    page.gauge("lag_records", "Records in the topics of a sink that it has not done", lag);
    let help =
        "What a stage did with its time: it worked, had nothing to do, or waited for what comes after it";
    let spent = tasks.iter().flat_map(|(id, task)| {
        let stages = [("read", task.read), ("process", task.process), ("write", task.write)];
        stages.into_iter().flat_map(|(stage, spent)| doings(&labels(id).and("stage", stage), spent))
    });
    page.counter("stage_seconds_total", help, spent);
    #[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are doubles")]
    let (used, limit) = (memory.0 as f64, memory.1 as f64);
    page.gauge(
        "memory_used_bytes",
        "Bytes that the records of all tasks take in memory",
        [(Labels::none(), used)],
    );
    page.gauge("memory_limit_bytes", "Bytes that they may take", [(Labels::none(), limit)]);
    page.into_text() + &remarks(tasks)
}

fn doings(stage: &Labels, spent: StageSeconds) -> [(Labels, f64); 3] {
    [("busy", spent.busy), ("idle", spent.idle), ("blocked", spent.blocked)]
        .map(|(doing, seconds)| (stage.clone().and("doing", doing), seconds))
}

/// The labels that tell a task from others.
fn labels(id: &TaskId) -> Labels {
    Labels::of(&[("connector", &id.connector), ("task", &id.task)])
}

/// Answers `GET /metrics`, until it is dropped: with a page, and with the memory, processor time and files of the process.
pub struct MetricsServer(HttpServer);

impl MetricsServer {
    /// Listens on `HOST:PORT`, and answers what `page` writes: of all that runs in the process.
    ///
    /// # Errors
    /// The address is taken or is none of this machine's; the text says what to do.
    pub async fn start(
        listen: &str,
        page: impl Fn() -> String + Clone + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let answer = move || {
            let text = page() + &process();
            async move { ([(CONTENT_TYPE, TEXT)], text) }
        };
        let router = Router::new().route("/metrics", get(answer));
        HttpServer::start(listen, CONNECTIONS_MAX, router).await.map(Self)
    }

    /// Where it listens; the port is real even where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.0.address()
    }
}

#[cfg(test)]
mod tests {
    use super::super::meter::Meter;
    use super::*;

    #[test]
    fn every_number_of_a_task_has_its_sample() {
        let meter = Meter::new(State::Running);
        Meter::add(&meter.dead_letters, 7);
        meter.enter(State::Halted, Some("too many failed"));
        let page = exposition(&[(TaskId::new("a\"b", 1), meter.snapshot())], (1, 2));
        let by = r#"connector="a\"b",task="1""#;
        for line in [
            format!("millstream_connect_task_state{{{by},state=\"HALTED\"}} 1"),
            format!("millstream_connect_task_state{{{by},state=\"RUNNING\"}} 0"),
            format!("millstream_connect_dead_letters_total{{{by}}} 7"),
            format!("millstream_connect_stage_seconds_total{{{by},stage=\"write\",doing=\"blocked\"}} 0"),
            "millstream_connect_memory_limit_bytes 2".to_owned(),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
