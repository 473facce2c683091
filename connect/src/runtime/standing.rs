//! How the tasks of a worker stand, read back from the page that it shows to Prometheus: what `connect top` draws.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use millstream_exposition::Labels;

use super::meter::TaskMetrics;
use crate::connectors::prometheus::{Exposition, Format, Reading};
use crate::herder::TaskId;

/// Before the remarks that say why tasks do not run as they should. They are no samples: each text would be a series of its own.
const WHY: &str = "# WHY ";
/// What all names begin with.
const PREFIX: &str = "millstream_connect_";

/// The tasks that a worker runs, and the memory that they share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Bytes that the records of all tasks take.
    pub memory_used: f64,
    /// Bytes that they may take; 0 where the page does not say.
    pub memory_limit: f64,
    /// By connector and number.
    pub tasks: BTreeMap<TaskId, TaskStanding>,
}

/// A task, as the page has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskStanding {
    /// In Kafka Connect's words, or ours.
    pub state: String,
    /// Why it does not run as it should.
    pub why: Option<String>,
    /// Since when it is in this state, in seconds since 1970.
    pub since: f64,
    /// Records from the other side, or from topics.
    pub read: f64,
    /// Records acknowledged by the broker, or taken by the target.
    pub written: f64,
    /// Records that failed for good.
    pub failed: f64,
    /// Of these, records that are in the topic of dead letters.
    pub dead_letters: f64,
    /// Records in the topics of a sink that it has not done.
    pub lag: Option<f64>,
    /// Seconds that its stages worked.
    pub busy: f64,
    /// Seconds that there was nothing to do.
    pub idle: f64,
    /// Seconds that it waited for the broker, the target or memory.
    pub blocked: f64,
}

/// Why tasks do not run as they should, as remarks beside the samples.
pub(super) fn remarks(tasks: &[(TaskId, TaskMetrics)]) -> String {
    let mut text = String::new();
    for (id, task) in tasks {
        let Some(why) = &task.why else { continue };
        let labels = Labels::of(&[("connector", &id.connector), ("task", &id.task), ("why", why)]);
        // Writing to a text does not fail.
        let _ = writeln!(text, "{WHY}task{labels}");
    }
    text
}

impl Standing {
    /// What a page says.
    ///
    /// # Errors
    /// It is no page of that kind; the text says where.
    pub fn read(page: &str) -> Result<Self, String> {
        let mut standing = Self::default();
        for reading in Exposition::new(page, Format::Text) {
            standing.take(&reading.map_err(|fault| fault.to_string())?);
        }
        for remark in page.lines().filter_map(|line| line.strip_prefix(WHY)) {
            let sample = format!("{remark} 1");
            for reading in Exposition::new(&sample, Format::Text).flatten() {
                let why = label(&reading, "why").map(str::to_owned);
                if let Some(task) = standing.task(&reading) {
                    task.why = why;
                }
            }
        }
        Ok(standing)
    }

    fn take(&mut self, reading: &Reading<'_>) {
        let Some(name) = reading.name.strip_prefix(PREFIX) else { return };
        match name {
            "memory_used_bytes" => self.memory_used = reading.value,
            "memory_limit_bytes" => self.memory_limit = reading.value,
            _ => {
                if let Some(task) = self.task(reading) {
                    task.take(name, reading);
                }
            }
        }
    }

    fn task(&mut self, reading: &Reading<'_>) -> Option<&mut TaskStanding> {
        let id = TaskId::new(label(reading, "connector")?, label(reading, "task")?.parse().ok()?);
        Some(self.tasks.entry(id).or_default())
    }
}

impl TaskStanding {
    fn take(&mut self, name: &str, reading: &Reading<'_>) {
        let value = reading.value;
        match name {
            "task_state" if value > 0.0 => {
                self.state = label(reading, "state").unwrap_or_default().to_owned();
            }
            "task_state_since_seconds" => self.since = value,
            "records_read_total" => self.read = value,
            "records_written_total" => self.written = value,
            "records_failed_total" => self.failed = value,
            "dead_letters_total" => self.dead_letters = value,
            "lag_records" => self.lag = Some(value),
            "stage_seconds_total" => match label(reading, "doing") {
                Some("busy") => self.busy += value,
                Some("idle") => self.idle += value,
                Some("blocked") => self.blocked += value,
                _ => {}
            },
            _ => {}
        }
    }
}

fn label<'a>(reading: &'a Reading<'_>, name: &str) -> Option<&'a str> {
    reading.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
}

#[cfg(test)]
mod tests {
    use super::super::exposition::exposition;
    use super::super::meter::Meter;
    use super::*;
    use crate::herder::State;

    #[test]
    fn what_a_worker_shows_is_read_back() {
        let (good, bad) = (Meter::new(State::Running), Meter::new(State::Running));
        Meter::add(&good.read, 12);
        Meter::add(&good.written, 11);
        good.lags(7);
        Meter::add(&bad.dead_letters, 3);
        let why = "the target says \"no\\\n, never\"";
        bad.enter(State::Degraded, Some(why));
        let tasks = [(TaskId::new("a\"b", 0), good.snapshot()), (TaskId::new("c", 1), bad.snapshot())];
        let standing = Standing::read(&exposition(&tasks, (5, 9))).unwrap();
        assert_eq!((standing.memory_used, standing.memory_limit), (5.0, 9.0));
        let (good, bad) = (&standing.tasks[&tasks[0].0], &standing.tasks[&tasks[1].0]);
        assert_eq!(
            (good.state.as_str(), good.read, good.written, good.lag),
            ("RUNNING", 12.0, 11.0, Some(7.0))
        );
        assert_eq!((bad.state.as_str(), bad.why.as_deref(), bad.lag), ("DEGRADED", Some(why), None));
        assert_eq!(bad.dead_letters, 3.0);
        assert!(bad.since > 1e9 && good.why.is_none());
        assert!(Standing::read("no page").is_err());
    }
}
