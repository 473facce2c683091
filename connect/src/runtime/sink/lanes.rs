//! What a sink has been given and not yet written, partition by partition.
//!
//! ```text
//! arrive ─► waiting ─► take ─► (written by the shell) ─► settle ─► done: the committable offset moves
//!              ▲                                            │
//!              └──────────── to be tried again ◄────────────┤
//!                                                           └─► given up: a dead letter, then `buried`
//! ```
//!
//! A lane with a record to be tried again gives out nothing else until that record is settled; the other lanes go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use millstream_client::TopicPartition;

use super::bisect::Verdict;
use crate::runtime::backoff::{Attempts, RetryBudget};

/// All lanes of a sink task. `R` is a record.
#[derive(Debug)]
pub(crate) struct Lanes<R> {
    lanes: BTreeMap<TopicPartition, Lane<R>>,
    /// For records that a target asks to send again.
    budget: RetryBudget,
    /// Which lane gives first, so that a busy one does not starve the others.
    turn: usize,
    /// What the target said of the first record that it last wanted again, for those who ask why nothing moves.
    complaint: Option<String>,
}

#[derive(Debug)]
struct Lane<R> {
    /// To be written, by offset.
    waiting: VecDeque<(i64, R)>,
    /// Read and not done, by offset; `true` once done while an earlier one is not.
    open: VecDeque<(i64, bool)>,
    /// Records that failed and are tried again.
    failing: BTreeMap<i64, Attempts>,
    /// When the lane may be tried again.
    blocked_until: Option<Instant>,
    /// The offset after the last one that was read.
    read_to: i64,
    /// The offset that was committed last.
    committed: i64,
    /// What did not convert below this offset has its dead letter, whether or not it is read again.
    buried_to: i64,
}

/// Where a record that was taken belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
}

/// Records that were taken to be written.
#[derive(Debug)]
pub(crate) struct Taken<R> {
    /// Whose they are, lane by lane, by offset.
    runs: Vec<(TopicPartition, Vec<i64>)>,
    pub(crate) records: Vec<R>,
}

impl<R> Taken<R> {
    /// Those of a lane stand one after the other.
    #[cfg(any(test, feature = "streams"))]
    pub(crate) fn of(slots: Vec<Slot>, records: Vec<R>) -> Self {
        let mut runs: Vec<(TopicPartition, Vec<i64>)> = Vec::new();
        for Slot { partition, offset } in slots {
            match runs.last_mut() {
                Some((last, offsets)) if *last == partition => offsets.push(offset),
                _ => runs.push((partition, vec![offset])),
            }
        }
        Self { runs, records }
    }

    /// Where each is from.
    #[cfg(any(test, feature = "streams"))]
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.runs.iter().flat_map(|(partition, offsets)| {
            offsets.iter().map(|offset| Slot { partition: partition.clone(), offset: *offset })
        })
    }
}

/// A record that is given up, and why. Its dead letter is made of the bytes that were read.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) slot: Slot,
    pub(crate) why: String,
    /// How many records were taken by the target between the one given up before and this.
    pub(crate) passed_before: usize,
}

impl<R> Lanes<R> {
    pub(crate) fn new(budget: RetryBudget) -> Self {
        Self { lanes: BTreeMap::new(), budget, turn: 0, complaint: None }
    }

    /// Nothing is held of these partitions any more; what was in flight is not heard of again.
    pub(crate) fn revoke(&mut self, partitions: &[TopicPartition]) {
        self.lanes.retain(|partition, _| !partitions.contains(partition));
    }

    /// Records that were read, by offset, and the offset after all that was read with them: what is not among the
    /// records (dropped by a transform, a dead letter already, a control record) is done.
    pub(crate) fn arrive(
        &mut self,
        partition: &TopicPartition,
        from: i64,
        records: impl IntoIterator<Item = (i64, R)>,
        read_to: i64,
    ) {
        let lane = self.lanes.entry(partition.clone()).or_insert_with(|| Lane::new(from));
        if from < lane.read_to {
            // The topic was made anew: what has a dead letter is gone.
            lane.buried_to = from;
        }
        for (offset, record) in records {
            lane.open.push_back((offset, false));
            lane.waiting.push_back((offset, record));
        }
        lane.read_to = lane.read_to.max(read_to);
    }

    /// Whether everything that was read of a partition is written or given up.
    pub(crate) fn is_done(&self, partition: &TopicPartition) -> bool {
        self.lanes.get(partition).is_none_or(|lane| lane.open.is_empty())
    }

    /// How many records wait to be written, those that are blocked included.
    pub(crate) fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// How many records may be written now.
    pub(crate) fn ready(&self, now: Instant) -> usize {
        let open = self.lanes.values().filter(|lane| lane.blocked_until.is_none_or(|until| until <= now));
        open.map(|lane| lane.giving()).sum()
    }

    /// Everything since the last commit is as if it had not been read; where to read on.
    pub(crate) fn rewind(&mut self) -> Vec<(TopicPartition, i64)> {
        let begin = |(partition, lane): (&TopicPartition, &mut Lane<R>)| {
            (partition.clone(), lane.begin_anew(lane.committed))
        };
        self.lanes.iter_mut().map(begin).collect()
    }

    /// What is not done is as if it had not been read; where to read on. What is done stays so, and may be committed.
    pub(crate) fn put_back(&mut self) -> Vec<(TopicPartition, i64)> {
        let begin = |(partition, lane): (&TopicPartition, &mut Lane<R>)| {
            (partition.clone(), lane.begin_anew(lane.committable()))
        };
        self.lanes.iter_mut().map(begin).collect()
    }

    /// Below this offset, what did not convert has its dead letter.
    pub(crate) fn buried_to(&self, partition: &TopicPartition) -> i64 {
        self.lanes.get(partition).map_or(0, |lane| lane.buried_to)
    }

    /// What did not convert has its dead letter, up to this offset.
    pub(crate) fn buried_up_to(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(lane) = self.lanes.get_mut(partition) {
            lane.buried_to = lane.buried_to.max(offset);
        }
    }

    /// Up to `max` records whose lanes may be tried now.
    pub(crate) fn take(&mut self, now: Instant, max: usize) -> Taken<R> {
        let mut taken = Taken { runs: Vec::new(), records: Vec::new() };
        let lanes = self.lanes.len();
        let first = self.turn.checked_rem(lanes).unwrap_or(0);
        self.turn = first + 1;
        let order: Vec<TopicPartition> =
            self.lanes.keys().skip(first).chain(self.lanes.keys().take(first)).cloned().collect();
        for partition in order {
            let Some(lane) = self.lanes.get_mut(&partition) else { continue };
            let mut offsets = Vec::new();
            for (offset, record) in lane.give(now, max - taken.records.len()) {
                offsets.push(offset);
                taken.records.push(record);
            }
            if !offsets.is_empty() {
                taken.runs.push((partition, offsets));
            }
        }
        taken
    }

    /// What became of the records that were taken. Those to be tried again go back; those that are given up come back,
    /// and hold up the commit until they are [`buried`](Self::buried).
    pub(crate) fn settle(
        &mut self,
        taken: Taken<R>,
        verdicts: Vec<Verdict>,
        now: Instant,
        random: f64,
    ) -> Vec<GivenUp> {
        let (mut given_up, mut passed) = (Vec::new(), 0);
        let mut complaint = None;
        let mut settled = taken.records.into_iter().zip(verdicts);
        for (partition, offsets) in taken.runs {
            let Some(lane) = self.lanes.get_mut(&partition) else {
                settled.by_ref().take(offsets.len()).for_each(drop);
                continue;
            };
            let mut give_up = |offset, why, passed: &mut usize| {
                let slot = Slot { partition: partition.clone(), offset };
                given_up.push(GivenUp { slot, why, passed_before: std::mem::take(passed) });
            };
            let mut back = Vec::new();
            for (offset, (record, verdict)) in offsets.into_iter().zip(settled.by_ref()) {
                match verdict {
                    Verdict::Ok => {
                        lane.done(offset);
                        passed += 1;
                    }
                    Verdict::Reject { why } => give_up(offset, why, &mut passed),
                    Verdict::Untried => back.push((offset, record)),
                    Verdict::Retry { after, why } => {
                        complaint.get_or_insert_with(|| why.clone());
                        let attempts = lane.failing.entry(offset).or_insert_with(|| Attempts::begin(now));
                        match self.budget.next(attempts, after, now, random) {
                            Some(at) => {
                                lane.blocked_until = lane.blocked_until.max(Some(at));
                                back.push((offset, record));
                            }
                            None => give_up(offset, why, &mut passed),
                        }
                    }
                }
            }
            // From the back, so that each goes before those that follow it.
            back.into_iter().rev().for_each(|waits| lane.waiting.push_front(waits));
        }
        self.complaint = complaint.or(self.complaint.take());
        given_up
    }

    /// The target takes nothing: that a record failed before was no fault of its own, and it is as good as never tried.
    pub(crate) fn forgive(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.failing.clear();
            lane.blocked_until = None;
        }
    }

    /// The dead letter of this record is written.
    pub(crate) fn buried(&mut self, slot: &Slot) {
        if let Some(lane) = self.lanes.get_mut(&slot.partition) {
            lane.done(slot.offset);
        }
    }

    /// When the first blocked lane may be tried again.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let blocked = self.lanes.values().filter(|lane| !lane.waiting.is_empty());
        blocked.filter_map(|lane| lane.blocked_until).min()
    }

    /// The lanes that a failing record holds up and in which so many records wait.
    pub(crate) fn choked(&self, waiting: usize) -> BTreeSet<TopicPartition> {
        let held_up = |lane: &Lane<R>| !lane.failing.is_empty() && lane.waiting.len() >= waiting;
        self.lanes.iter().filter(|(_, lane)| held_up(lane)).map(|(partition, _)| partition.clone()).collect()
    }

    /// Since when the longest failing record has been tried.
    pub(crate) fn failing_since(&self) -> Option<Instant> {
        self.lanes.values().flat_map(|lane| lane.failing.values()).map(|attempts| attempts.since).min()
    }

    /// What the target said when it last wanted a record again.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// The offset below which all of a partition is done.
    pub(crate) fn done_to(&self, partition: &TopicPartition) -> Option<i64> {
        self.lanes.get(partition).map(Lane::committable)
    }

    /// For each partition that moved since the last commit, the offset below which all is done.
    pub(crate) fn committable(&self) -> Vec<(TopicPartition, i64)> {
        let moved = self.lanes.iter().filter(|(_, lane)| lane.committable() > lane.committed);
        moved.map(|(partition, lane)| (partition.clone(), lane.committable())).collect()
    }

    /// These offsets are committed.
    pub(crate) fn committed(&mut self, offsets: &[(TopicPartition, i64)]) {
        for (partition, offset) in offsets {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.committed = lane.committed.max(*offset);
            }
        }
    }
}

impl<R> Lane<R> {
    fn new(from: i64) -> Self {
        Self {
            waiting: VecDeque::new(),
            open: VecDeque::new(),
            failing: BTreeMap::new(),
            blocked_until: None,
            read_to: from,
            committed: from,
            buried_to: from,
        }
    }

    /// Holds no record, and reads on from there. How often those that fail were tried counts on.
    fn begin_anew(&mut self, from: i64) -> i64 {
        self.waiting.clear();
        self.open.clear();
        self.read_to = from;
        from
    }

    fn give(&mut self, now: Instant, max: usize) -> impl Iterator<Item = (i64, R)> {
        let blocked = self.blocked_until.is_some_and(|until| now < until);
        if !blocked {
            self.blocked_until = None;
        }
        let given = if blocked { 0 } else { self.giving() };
        self.waiting.drain(..given.min(max))
    }

    /// How many records it would give: what failed goes alone.
    fn giving(&self) -> usize {
        match self.failing.last_key_value() {
            None => self.waiting.len(),
            Some((last, _)) => self.waiting.partition_point(|(offset, _)| offset <= last),
        }
    }

    fn done(&mut self, offset: i64) {
        self.failing.remove(&offset);
        if self.open.front() == Some(&(offset, false)) {
            self.open.pop_front();
        } else if let Ok(at) = self.open.binary_search_by_key(&offset, |(open, _)| *open) {
            self.open[at].1 = true;
        }
        while self.open.front().is_some_and(|(_, done)| *done) {
            self.open.pop_front();
        }
    }

    fn committable(&self) -> i64 {
        self.open.front().map_or(self.read_to, |(offset, _)| *offset)
    }
}

#[cfg(test)]
#[path = "simulation.rs"]
mod simulation;
