//! What deaths may make the pipeline do again: what lay beyond the last commit, read from the topics while the dead one is dead.

#![expect(clippy::print_stdout, reason = "the harness shows it where a test fails")]

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use millstream_client::Record;
use millstream_connect::runtime::{PositionFile, Positions};
use millstream_tests::etl::Stack;
use millstream_tests::topics::{Offsets, Topics};
use serde_json::Value;

/// How many of each.
pub(crate) type Counts = BTreeMap<String, u64>;

const GROUP: &str = "monitoring-etl";
const LINES: &str = "access-log";

/// A stage that counts: what it reads, and what it counts a request as.
struct Stage {
    topic: &'static str,
    of: fn(&Value) -> String,
    /// What it may count twice.
    again: Counts,
}

/// What may come again, and what came.
pub(crate) struct Ledger {
    /// Lines that Connect may write twice.
    lines: u64,
    /// Lines that the topology may parse twice.
    requests: u64,
    minutes: Stage,
    services: Stage,
}

impl Default for Ledger {
    fn default() -> Self {
        let stage = |topic, of| Stage { topic, of, again: Counts::new() };
        Self {
            lines: 0,
            requests: 0,
            minutes: stage("monitoring-etl-minutes-repartition", minute),
            services: stage("monitoring-etl-health-repartition", |request| text(&request["service"])),
        }
    }
}

impl Ledger {
    /// Connect is dead: it may read again what it has not stored a position behind.
    pub(crate) fn note_connects_death(&mut self, stack: &Stack) -> Result<()> {
        let lines = unstored(stack)?;
        println!("Connect died with {lines} lines of the log behind the position that it has stored");
        self.lines += lines;
        Ok(())
    }

    /// The topology is dead: each of its stages may do again what it has not committed.
    pub(crate) fn note_the_topologys_death(&mut self, topics: &Topics) -> Result<()> {
        topics.read(LINES, &topics.committed(GROUP, LINES)?, |_, _| self.requests += 1)?;
        for stage in [&mut self.minutes, &mut self.services] {
            let from = topics.committed(GROUP, stage.topic)?;
            stage
                .read(topics, &from)?
                .into_iter()
                .for_each(|(key, count)| *stage.again.entry(key).or_default() += count);
        }
        Ok(())
    }

    /// Whether every line of the log is in its topic, at one place however often it was read, and no more came again than may.
    pub(crate) fn check_lines(&self, stack: &Stack, topics: &Topics) -> Result<()> {
        let mut places: BTreeMap<String, String> = BTreeMap::new();
        let (mut records, mut moved) = (0, None);
        topics.read(LINES, &Offsets::new(), |_, record| {
            records += 1;
            let (place, line) = (header(record, "place"), utf8(record.value));
            let other = places.insert(place.clone(), line.clone());
            moved = moved.take().or(other.filter(|other| *other != line).map(|other| (place, other, line)));
        })?;
        ensure!(moved.is_none(), "two lines at one place: {moved:?}");
        let mut read: Vec<&str> = places.values().map(String::as_str).collect();
        let log = fs::read_to_string(stack.log())?;
        let mut written: Vec<&str> = log.lines().collect();
        read.sort_unstable();
        written.sort_unstable();
        ensure!(
            read.len() == written.len(),
            "{} lines were written, {} places are known",
            written.len(),
            read.len()
        );
        ensure!(read == written, "other lines were read than written");
        let again = records - places.len() as u64;
        println!("{again} lines came again of {} that may", self.lines);
        ensure!(again <= self.lines, "{again} lines came again, {} may", self.lines);
        Ok(())
    }

    /// Whether `told` has of each slice of a minute what is true and at most what may have been counted twice.
    pub(crate) fn check_minutes(&self, topics: &Topics, truth: &Counts, told: &Counts) -> Result<()> {
        self.minutes.check(topics, truth, told)
    }

    /// The same of what the live state tells of services.
    pub(crate) fn check_services(&self, topics: &Topics, truth: &Counts, told: &Counts) -> Result<()> {
        self.services.check(topics, truth, told)
    }

    /// Whether no more requests were sent on than may have been.
    pub(crate) fn check_requests(&self, topics: &Topics) -> Result<()> {
        let unparsed = count(topics, "access-log-unparsed")?;
        let lines = count(topics, LINES)?;
        let sent: u64 = self.minutes.read(topics, &Offsets::new())?.values().sum();
        let again = (sent + unparsed).checked_sub(lines).context("requests are missing")?;
        println!("{again} lines were parsed again of {} that may", self.requests);
        ensure!(again <= self.requests, "{again} lines were parsed again, {} may", self.requests);
        Ok(())
    }
}

/// Lines of the log behind the position that Connect has stored.
pub(crate) fn unstored(stack: &Stack) -> Result<u64> {
    let positions = PositionFile::open(stack.positions())?;
    let stored = tokio::runtime::Runtime::new()?.block_on(positions.load("access-log"))?;
    let position = stored.iter().filter_map(|(_, offset)| offset["position"].as_u64()).max();
    let log = fs::read(stack.log())?;
    let beyond = log.get(position.unwrap_or(0) as usize..).context("read beyond the end of the log")?;
    Ok(beyond.iter().filter(|byte| **byte == b'\n').count() as u64)
}

impl Stage {
    fn read(&self, topics: &Topics, from: &Offsets) -> Result<Counts> {
        let mut counts = Counts::new();
        topics.read(self.topic, from, |_, record| {
            let request = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
            *counts.entry((self.of)(&request)).or_default() += 1;
        })?;
        Ok(counts)
    }

    fn check(&self, topics: &Topics, truth: &Counts, told: &Counts) -> Result<()> {
        let sent = self.read(topics, &Offsets::new())?;
        let of = |counts: &Counts, key: &String| counts.get(key).copied().unwrap_or_default();
        for key in truth.keys().chain(told.keys()) {
            let (truth, told, sent, again) =
                (of(truth, key), of(told, key), of(&sent, key), of(&self.again, key));
            ensure!(truth <= told, "{key}: {told} are told of, {truth} were made");
            ensure!(
                told <= sent + again,
                "{key}: {told} are told of, {sent} were sent, {again} may be counted twice"
            );
        }
        let sum = |counts: &Counts| counts.values().sum::<u64>();
        let (beyond, again) = (sum(told).saturating_sub(sum(&sent)), sum(&self.again));
        println!("{}: {beyond} were counted again of {again} that may", self.topic);
        Ok(())
    }
}

/// As the topology names what it tells of.
pub(crate) fn minute(request: &Value) -> String {
    let minute = request["time"].as_i64().unwrap_or_default().div_euclid(60_000) * 60_000;
    format!("{minute}|{}|{}", text(&request["service"]), request["status"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn utf8(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn header(record: &Record<'_>, name: &str) -> String {
    let found = record.headers.into_iter().find(|header| header.key == name.as_bytes());
    utf8(found.and_then(|header| header.value))
}

fn count(topics: &Topics, topic: &str) -> Result<u64> {
    let mut count = 0;
    topics.read(topic, &Offsets::new(), |_, _| count += 1)?;
    Ok(count)
}
