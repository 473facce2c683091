//! Numbers as Prometheus reads them.

use std::fmt::Display;

use millstream_exposition::{Histogram, Labels, Page};

use super::{BrokerMetrics, Durations, GroupMetrics, GroupOffset, PartitionMetrics, TopicMetrics};
use crate::group::STATES;

impl BrokerMetrics {
    /// The same as text for Prometheus (format 0.0.4). The module's page has the table of names.
    pub fn to_prometheus(&self) -> String {
        let mut page = Page::new("millstream_broker_");
        self.itself(&mut page);
        self.requests(&mut page);
        self.connections(&mut page);
        self.storage(&mut page);
        self.topics(&mut page);
        self.partitions(&mut page);
        self.groups(&mut page);
        page.into_text()
    }

    fn itself(&self, page: &mut Page) {
        let version = env!("CARGO_PKG_VERSION");
        let by: [(&str, &dyn Display); 3] =
            [("version", &version), ("node", &self.node_id), ("cluster", &self.cluster_id)];
        page.gauge("info", "1; its labels say what runs", [(Labels::of(&by), 1.0)]);
        let started = self.started_ms as f64 / 1e3;
        page.gauge("start_time_seconds", "When the broker was started, since 1970", [plain(started)]);
        let left_out = [
            ("topics", self.left_out.topics),
            ("partitions", self.left_out.partitions),
            ("groups", self.left_out.groups),
            ("group_offsets", self.left_out.group_offsets),
        ];
        let left_out = left_out.map(|(what, count)| (Labels::of(&[("what", &what)]), count as f64));
        page.gauge(
            "left_out",
            "What is there and has no samples here, because there is too much of it",
            left_out,
        );
    }

    fn requests(&self, page: &mut Page) {
        let by = |api: &str| Labels::of(&[("api", &api)]);
        let took = self.requests.iter().map(|told| (by(&told.api), histogram(&told.took)));
        page.histogram("request_seconds", "From a whole request to its answer, with all it waited for", took);
        let waiting = self.requests.iter().map(|told| (by(&told.api), told.waiting as f64));
        page.gauge(
            "requests_waiting",
            "Requests that wait: for durability, data, a group, or their turn",
            waiting,
        );
        let errors = self.requests.iter().flat_map(|told| {
            told.errors.iter().map(|(error, count)| (by(&told.api).and("error", error), *count as f64))
        });
        page.counter("request_errors_total", "Errors in answers, each partition or topic counted", errors);
    }

    fn connections(&self, page: &mut Page) {
        let told = &self.connections;
        page.gauge("connections", "Connections that are open", [plain(told.open as f64)]);
        page.counter(
            "connections_accepted_total",
            "Connections that were let in",
            [plain(told.accepted as f64)],
        );
        let named = |name: &'static str, counts: &[(&str, u64)]| {
            let sample = |(what, count): &(&str, u64)| (Labels::of(&[(name, what)]), *count as f64);
            counts.iter().map(sample).collect::<Vec<_>>()
        };
        let refused = named("limit", &told.refused);
        page.counter("connections_refused_total", "Connections that were not let in", refused);
        let closed = named("reason", &told.closed);
        page.counter("connections_closed_total", "Connections that have ended, by why", closed);
        page.gauge("fetch_sessions", "Fetch sessions that are open", [plain(self.fetch_sessions as f64)]);
    }

    fn storage(&self, page: &mut Page) {
        let flushes = [(Labels::none(), histogram(&self.flushes))];
        page.histogram("log_flush_seconds", "How long fsyncs of a partition's log took", flushes);
        page.gauge("partitions", "Partitions of all topics", [plain(self.partitions as f64)]);
        let offline = self.partitions_offline as f64;
        page.gauge("partitions_offline", "Partitions that the storage has failed", [plain(offline)]);
        let disk = |value: fn(&super::DiskMetrics) -> u64| {
            let told = self.disk.as_ref();
            told.map(|told| (Labels::of(&[("directory", &told.directory.display())]), value(told) as f64))
        };
        page.gauge("disk_size_bytes", "All of the file system that has the logs", disk(|disk| disk.total));
        page.gauge("disk_free_bytes", "What may still be written to it", disk(|disk| disk.usable));
    }

    fn topics(&self, page: &mut Page) {
        let of = |value: fn(&TopicMetrics) -> u64| {
            self.topics.iter().map(move |told| (Labels::of(&[("topic", &told.topic)]), value(told) as f64))
        };
        page.counter(
            "topic_bytes_in_total",
            "Bytes of batches appended to a topic",
            of(|told| told.bytes_in),
        );
        page.counter("topic_records_in_total", "Records appended to a topic", of(|told| told.records_in));
        let out = of(|told| told.bytes_out);
        page.counter("topic_bytes_out_total", "Bytes of batches that fetches were answered with", out);
    }

    fn partitions(&self, page: &mut Page) {
        let of = |value: fn(&PartitionMetrics) -> Option<f64>| {
            self.topics.iter().flat_map(move |topic| {
                topic.partitions.iter().filter_map(move |told| {
                    Some((
                        Labels::of(&[("topic", &topic.topic), ("partition", &told.partition)]),
                        value(told)?,
                    ))
                })
            })
        };
        page.gauge("partition_size_bytes", "Bytes of all segments", of(|told| Some(told.size as f64)));
        let start = of(|told| Some(told.start_offset as f64));
        page.gauge("partition_start_offset", "The first offset that may be read", start);
        let high = of(|told| Some(told.high_watermark as f64));
        page.gauge("partition_high_watermark", "The offset below which consumers may read", high);
        let end = of(|told| Some(told.end_offset as f64));
        page.gauge("partition_end_offset", "The offset that the next record gets", end);
        let offline = of(|told| told.is_offline.then_some(1.0));
        page.gauge(
            "partition_offline",
            "1 for a partition that the storage has failed; others have none",
            offline,
        );
    }

    fn groups(&self, page: &mut Page) {
        let by_state = self.groups_by_state.iter();
        let by_state = by_state.map(|(state, count)| (Labels::of(&[("state", state)]), *count as f64));
        page.gauge("groups", "Groups by their state", by_state);
        let by = |group: &GroupMetrics| Labels::of(&[("group", &group.group)]);
        let members = self.groups.iter().map(|group| (by(group), group.members as f64));
        page.gauge("group_members", "Members of a group", members);
        let states = self.groups.iter().flat_map(|group| {
            STATES.map(|state| (by(group).and("state", state), f64::from(u8::from(state == group.state))))
        });
        page.gauge("group_state", "1 for the state that a group is in, 0 for the others", states);
        let offsets = |value: fn(&GroupOffset) -> Option<f64>| {
            self.groups.iter().flat_map(move |group| {
                group.offsets.iter().filter_map(move |told| {
                    let labels = by(group).and("topic", &told.topic).and("partition", told.partition);
                    Some((labels, value(told)?))
                })
            })
        };
        let committed = offsets(|told| Some(told.committed as f64));
        page.gauge("group_committed_offset", "The offset of the next record that a group reads", committed);
        let lag = offsets(|told| told.lag.map(|lag| lag as f64));
        page.gauge("group_lag_records", "Records that a group may still read", lag);
    }
}

/// The only sample of a family.
fn plain(value: f64) -> (Labels, f64) {
    (Labels::none(), value)
}

fn histogram(took: &Durations) -> Histogram {
    let bounds = took.cumulative();
    let cumulative =
        bounds.map(|(bound, count)| (bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64()), count));
    Histogram { cumulative: cumulative.collect(), sum: took.sum().as_secs_f64() }
}
