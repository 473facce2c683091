//! Which records were made, by whichever tasks: the numbers are dealt out to as many lanes as there are tasks, and another
//! `tasks.max` deals them out anew.

use serde_json::{Value as Json, json};

use super::options::Template;
use super::{NEXT, START};
use crate::source::{SourceOffset, SourcePartition};

/// A lane in positions.
pub(super) fn partition(template: Template, lane: u64, of: u64) -> SourcePartition {
    let entries = [("template", json!(template.name())), ("task", json!(lane)), ("tasks", json!(of))];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether a position is one that [`Lanes::read`] reads, and that no lane runs off its own numbers by.
pub(super) fn check(
    template: Template,
    partition: &SourcePartition,
    offset: &SourceOffset,
) -> Result<(), String> {
    let number = |map: &SourcePartition, name: &str| map.get(name).and_then(Json::as_u64);
    let lane = number(partition, "task").zip(number(partition, "tasks")).filter(|(lane, of)| lane < of);
    let name = template.name();
    let is_known = partition.len() == 3 && partition.get("template").and_then(Json::as_str) == Some(name);
    let Some((lane, of)) = lane.filter(|_| is_known) else {
        return Err(format!(
            "The partition is none of this connector's: {{\"template\": \"{name}\", \"task\": 0, \"tasks\": 1}} is what the first \
             of one task makes"
        ));
    };
    let is_time = offset.get(START).is_none_or(Json::is_i64);
    let next = number(offset, NEXT).filter(|_| is_time).ok_or_else(|| {
        format!(
            "The offset must have \"{NEXT}\", the number of the record to go on with, from 0, and may have \"{START}\", the time of \
             the first in milliseconds since 1970"
        )
    })?;
    if next % of == lane {
        return Ok(());
    }
    Err(format!(
        "\"{NEXT}\": {next} is not made by task {lane} of {of}, which makes each number that leaves {lane} when it is divided by {of}"
    ))
}

/// The numbers that leave `lane` when they are divided by `of`.
#[derive(Debug, Clone, Copy)]
struct Lane {
    lane: u64,
    of: u64,
    /// All its numbers below were made.
    next: u64,
}

/// What positions say was made.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    start_ms: Option<i64>,
    /// No number from here on was made.
    end: u64,
}

impl Lanes {
    pub(super) fn read(template: Template, positions: &[(SourcePartition, SourceOffset)]) -> Self {
        let mut read = Self::default();
        for (partition, offset) in positions {
            let number = |name: &str| partition.get(name).and_then(Json::as_u64);
            let (Some(lane), Some(of)) = (number("task"), number("tasks")) else { continue };
            let is_known = partition.get("template").and_then(Json::as_str) == Some(template.name());
            let Some(next) = offset.get(NEXT).and_then(Json::as_u64) else { continue };
            if !is_known || lane >= of {
                continue;
            }
            read.lanes.push(Lane { lane, of, next });
            read.end = read.end.max(next);
            let start = offset.get(START).and_then(Json::as_i64);
            read.start_ms = [read.start_ms, start].into_iter().flatten().min();
        }
        read
    }

    /// The time of the first record, as it was when these began.
    pub(super) fn start_ms(&self) -> Option<i64> {
        self.start_ms
    }

    /// The first number of a lane that was not made.
    pub(super) fn first_left(&self, lane: u64, of: u64) -> u64 {
        let floor = self.lanes.iter().map(|known| self.all_made_below(known.of)).max().unwrap_or(0);
        let first = lane + floor.saturating_sub(lane).div_ceil(of) * of;
        let own = self.lanes.iter().find(|known| (known.lane, known.of) == (lane, of));
        self.first_left_from(own.map_or(first, |own| own.next.max(first)), of)
    }

    /// The first number that was not made, of those from `number` on at a distance of `step`.
    pub(super) fn first_left_from(&self, mut number: u64, step: u64) -> u64 {
        while number < self.end && self.is_made(number) {
            number += step;
        }
        number
    }

    fn is_made(&self, number: u64) -> bool {
        self.lanes.iter().any(|known| number < known.next && number % known.of == known.lane)
    }

    /// All numbers below were made by so many lanes, whatever others did.
    fn all_made_below(&self, of: u64) -> u64 {
        let known = || self.lanes.iter().filter(|lane| lane.of == of);
        if known().count() as u64 != of {
            return 0;
        }
        known().map(|lane| lane.next).min().unwrap_or(0)
    }
}
