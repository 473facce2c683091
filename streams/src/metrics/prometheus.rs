//! Numbers as Prometheus reads them: text format 0.0.4.

use std::fmt::Display;

use millstream_exposition::{Histogram, Labels, Page};

use super::{Metrics, Pace, PartitionMetrics, Spread, TaskMetrics, ThreadMetrics};
use crate::runtime::{AppState, StandbyStore};

/// What the states are called, each with a sample of its own that is 0 or 1.
const STATES: [AppState; 7] = [
    AppState::Created,
    AppState::Rebalancing,
    AppState::Running,
    AppState::PendingShutdown,
    AppState::PendingError,
    AppState::NotRunning,
    AppState::Error,
];

pub(super) fn text(metrics: &Metrics) -> String {
    let mut page = Page::new("millstream_streams_");
    application(metrics, &mut page);
    threads(metrics, &mut page);
    tasks(metrics, &mut page);
    partitions(metrics, &mut page);
    latencies(metrics, &mut page);
    nodes_and_stores(metrics, &mut page);
    page.into_text()
}

fn application(metrics: &Metrics, page: &mut Page) {
    let state =
        |state: &AppState| (Labels::of(&[("state", state)]), f64::from(u8::from(*state == metrics.state)));
    page.gauge(
        "state",
        "1 for the state that the application is in, 0 for the others",
        STATES.iter().map(state),
    );
    page.counter(
        "records_total",
        "Records read by all tasks since the start",
        [(Labels::none(), metrics.records as f64)],
    );
    pace(&metrics.pace, page);
    let errors = metrics.errors.iter().flat_map(|row| {
        let task = row.task.map_or_else(String::new, |task| task.to_string());
        let outcomes = [
            ("skipped", row.skipped),
            ("dead_letter", row.dead_letters),
            ("retried", row.retries),
            ("failed", row.failures),
        ];
        outcomes.map(|(outcome, count)| {
            let by: [(&str, &dyn Display); 4] =
                [("task", &task), ("node", &row.node), ("stage", &row.stage), ("outcome", &outcome)];
            (Labels::of(&by), count as f64)
        })
    });
    page.counter("errors_total", "Records that failed, by what became of them", errors);
    let arrivals = metrics.arrivals.iter();
    let away = arrivals.map(|arrival| (Labels::of(&[("task", &arrival.task)]), arrival.away.as_secs_f64()));
    page.gauge("task_away_seconds", "For how long a task ran nowhere before it came here", away);
}

fn threads(metrics: &Metrics, page: &mut Page) {
    let of = |value: fn(&ThreadMetrics) -> f64| {
        metrics.threads.iter().map(move |thread| (Labels::of(&[("thread", &thread.label())]), value(thread)))
    };
    page.counter(
        "thread_busy_seconds_total",
        "Time that a thread worked",
        of(|thread| thread.busy.as_secs_f64()),
    );
    let waited = of(|thread| thread.waited.as_secs_f64());
    page.counter("thread_waited_seconds_total", "Time that a thread had no records", waited);
    let blocked = of(|thread| thread.blocked.as_secs_f64());
    page.counter(
        "thread_blocked_seconds_total",
        "Time that a thread waited for the cluster in commits",
        blocked,
    );
    page.gauge("thread_tasks", "Tasks that a thread runs", of(|thread| thread.tasks.len() as f64));
    let commits = metrics
        .threads
        .iter()
        .map(|thread| (Labels::of(&[("thread", &thread.label())]), histogram(&thread.commits)));
    page.histogram("thread_commit_seconds", "How long commits took", commits);
}

/// All tasks with their threads.
fn all(metrics: &Metrics) -> impl Iterator<Item = (&ThreadMetrics, &TaskMetrics)> {
    metrics.threads.iter().flat_map(|thread| thread.tasks.iter().map(move |task| (thread, task)))
}

fn tasks(metrics: &Metrics, page: &mut Page) {
    let of = |value: fn(&TaskMetrics) -> f64| {
        let labelled = |thread: &ThreadMetrics, task: &TaskMetrics| {
            Labels::of(&[("thread", &thread.label()), ("task", &task.task)])
        };
        all(metrics).map(move |(thread, task)| (labelled(thread, task), value(task)))
    };
    page.counter("task_records_total", "Records that a task read", of(|task| task.records as f64));
    let rate = of(|task| task.records_per_second);
    page.gauge(
        "task_records_per_second",
        "Records that a task read a second, over the last 10 to 20 seconds",
        rate,
    );
    page.counter(
        "task_dropped_records_total",
        "Records without a key or value, too late, or let go by an error policy",
        of(|task| task.dropped as f64),
    );
    page.counter(
        "task_shed_records_total",
        "Records that a task has put aside under overload",
        of(|task| task.shed as f64),
    );
    page.counter(
        "task_commits_total",
        "Commits that had something of a task",
        of(|task| task.commits as f64),
    );
    let busy = of(|task| task.busy.as_secs_f64());
    page.counter("task_busy_seconds_total", "Time that a thread worked on the records of a task", busy);
    let stream_time = of(|task| task.stream_time as f64 / 1_000.0);
    page.gauge("task_stream_time_seconds", "The largest timestamp that a task has seen", stream_time);
}

fn pace(pace: &Pace, page: &mut Page) {
    let alone = |value: Option<f64>| value.map(|value| (Labels::none(), value));
    let peers = pace.peers;
    page.gauge(
        "lag_seconds",
        "How old the last record is that has passed of the partition that is the farthest behind",
        alone(pace.lag_seconds),
    );
    page.gauge("records_per_second", "Records read a second of late", alone(Some(pace.records_per_second)));
    let instances = peers.map_or(0, |peers| peers.instances);
    page.gauge("peers", "Other instances that have answered of late", alone(Some(instances as f64)));
    let lag = peers.and_then(|peers| peers.lag_seconds);
    page.gauge("peers_lag_seconds", "The median of the lags of the other instances", alone(lag));
    let rate = peers.map(|peers| peers.records_per_second);
    page.gauge(
        "peers_records_per_second",
        "The median of what the other instances read a second",
        alone(rate),
    );
    let behind = f64::from(u8::from(pace.behind));
    page.gauge("behind_peers", "1 if this instance is far behind the others", alone(Some(behind)));
}

fn partitions(metrics: &Metrics, page: &mut Page) {
    let of = |value: fn(&PartitionMetrics) -> Option<f64>| {
        let partitions = metrics.tasks().flat_map(|task| &task.partitions);
        partitions.filter_map(move |told| {
            let by: [(&str, &dyn Display); 3] =
                [("task", &told.task), ("topic", &told.topic), ("partition", &told.partition)];
            Some((Labels::of(&by), value(told)?))
        })
    };
    let records = of(|told| Some(told.records as f64));
    page.counter("partition_records_total", "Records of a partition that have passed", records);
    let bytes = of(|told| Some(told.bytes as f64));
    page.counter("partition_bytes_total", "Bytes of the batches of a partition that have passed", bytes);
    let lag = of(|told| told.lag.map(|lag| lag as f64));
    page.gauge("partition_lag_records", "Records of a partition that have not passed", lag);
    let age = of(|told| told.lag_seconds);
    page.gauge(
        "partition_lag_seconds",
        "How old the last record is that has passed, while there are more",
        age,
    );
    let top = of(|told| told.top_keys.first().map(|top| top.share));
    page.gauge(
        "partition_top_key_share",
        "Share of the records of a partition that have its hottest key",
        top,
    );
    let skew = metrics.skew();
    let imbalance =
        skew.iter().filter_map(|told| Some((Labels::of(&[("topic", &told.topic)]), told.imbalance?)));
    page.gauge(
        "topic_imbalance_ratio",
        "Records of the busiest partition of a topic here over the mean of its partitions here",
        imbalance,
    );
}

fn latencies(metrics: &Metrics, page: &mut Page) {
    let by = |thread: &ThreadMetrics, task: &TaskMetrics| {
        Labels::of(&[("thread", &thread.label()), ("task", &task.task)])
    };
    let of = |value: fn(&TaskMetrics) -> &Spread| {
        all(metrics).map(move |(thread, task)| (by(thread, task), histogram(value(task))))
    };
    let ends = |at: fn(&Spread) -> u64, value: fn(&TaskMetrics) -> &Spread| {
        all(metrics).map(move |(thread, task)| (by(thread, task), at(value(task)) as f64 / 1e6))
    };
    page.histogram(
        "task_lateness_seconds",
        "How far behind stream time late records came",
        of(|task| &task.lateness),
    );
    page.histogram(
        "task_read_latency_seconds",
        "From a record's time until it was read",
        of(|task| &task.read_latency),
    );
    let read = |at| ends(at, |task: &TaskMetrics| &task.read_latency);
    page.gauge("task_read_latency_min_seconds", "The shortest of these", read(|spread| spread.min_us));
    page.gauge("task_read_latency_max_seconds", "The longest of these", read(|spread| spread.max_us));
    page.histogram(
        "task_sent_latency_seconds",
        "From a record's time until it left for a topic",
        of(|task| &task.sent_latency),
    );
    let sent = |at| ends(at, |task: &TaskMetrics| &task.sent_latency);
    page.gauge("task_sent_latency_min_seconds", "The shortest of these", sent(|spread| spread.min_us));
    page.gauge("task_sent_latency_max_seconds", "The longest of these", sent(|spread| spread.max_us));
}

fn nodes_and_stores(metrics: &Metrics, page: &mut Page) {
    let nodes = all(metrics).flat_map(|(thread, task)| {
        task.nodes.iter().map(|node| {
            let by = Labels::of(&[("thread", &thread.label()), ("task", &task.task), ("node", &node.node)]);
            (by, node.records as f64)
        })
    });
    page.counter("node_records_total", "Records that a node took", nodes);
    let accesses = all(metrics).flat_map(|(thread, task)| {
        task.stores.iter().flat_map(|store| {
            [("hit", store.cache_hits), ("miss", store.cache_misses)].map(|(result, count)| {
                let by: [(&str, &dyn Display); 4] = [
                    ("thread", &thread.label()),
                    ("task", &task.task),
                    ("store", &store.store),
                    ("result", &result),
                ];
                (Labels::of(&by), count as f64)
            })
        })
    });
    page.counter(
        "store_cache_accesses_total",
        "Accesses of a store by key, by whether its cache had the key",
        accesses,
    );
    outlets(metrics, page);
    let restores = |value: fn(&super::RestoreMetrics) -> u64| {
        let of_thread = move |thread: &ThreadMetrics| {
            let number = thread.label();
            let labelled = move |restore: &super::RestoreMetrics| {
                let by: [(&str, &dyn Display); 3] =
                    [("thread", &number), ("task", &restore.task), ("store", &restore.store)];
                (Labels::of(&by), value(restore) as f64)
            };
            thread.restores.iter().map(labelled).collect::<Vec<_>>()
        };
        metrics.threads.iter().flat_map(of_thread)
    };
    let copies = |value: fn(&StandbyStore) -> Option<f64>| {
        let labelled = |copy: &StandbyStore| Labels::of(&[("task", &copy.task), ("store", &copy.store)]);
        metrics.standby_stores.iter().filter_map(move |copy| Some((labelled(copy), value(copy)?)))
    };
    let lag = copies(|copy| Some(copy.lag() as f64));
    page.gauge("store_standby_lag_records", "Offsets that the copy of a store is behind its changelog", lag);
    let age = copies(|copy| copy.age.map(|age| age.as_secs_f64()));
    page.gauge(
        "store_standby_age_seconds",
        "Since the copy of a store was last known to have everything",
        age,
    );
    let remaining = restores(|restore| restore.remaining);
    page.gauge("store_restore_remaining_records", "Offsets of a changelog still to be read", remaining);
    let restored = restores(|restore| restore.restored);
    page.gauge("store_restored_records", "Records read so far by the restore under way", restored);
}

fn outlets(metrics: &Metrics, page: &mut Page) {
    let of = || {
        all(metrics).flat_map(|(thread, task)| task.outlets.iter().map(move |outlet| (thread, task, outlet)))
    };
    let counts = of().flat_map(|(thread, task, outlet)| {
        let outcomes =
            [("written", outlet.written), ("retried", outlet.retried), ("refused", outlet.refused)];
        outcomes.map(|(outcome, count)| {
            let by: [(&str, &dyn Display); 4] = [
                ("thread", &thread.label()),
                ("task", &task.task),
                ("node", &outlet.node),
                ("outcome", &outcome),
            ];
            (Labels::of(&by), count as f64)
        })
    });
    page.counter("outlet_records_total", "Records of an outlet, by what became of them", counts);
    let held = of().map(|(thread, task, outlet)| {
        let by = Labels::of(&[("thread", &thread.label()), ("task", &task.task), ("node", &outlet.node)]);
        (by, outlet.held_bytes as f64)
    });
    page.gauge("outlet_held_bytes", "Bytes of records that an outlet holds and that are not safe yet", held);
}

/// A spread as Prometheus has it, in seconds.
fn histogram(spread: &Spread) -> Histogram {
    let cumulative = spread.cumulative();
    let seconds =
        |bound: Option<std::time::Duration>| bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64());
    Histogram {
        cumulative: cumulative.map(|(bound, count)| (seconds(bound), count)).collect(),
        sum: spread.sum_us as f64 / 1e6,
    }
}
