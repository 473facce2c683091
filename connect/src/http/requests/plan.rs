//! Which operations are sent when: what decides, without a socket and without a clock of its own.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::{Answered, Fate, Hearing, Limits};
use crate::{Outcome, TaskError};

/// No wait between tries is longer, whatever their number.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Why an operation is done again whose predecessor is.
const BEHIND: &str = "it follows one of the same id that is to be written again";

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send these, in this order, as one request.
    Send(Vec<usize>),
    /// Nothing before this time, unless an answer comes.
    Wait(Instant),
    /// Nothing before an answer comes.
    Listen,
    /// All is settled.
    Finished,
}

/// The operations of one write, on their way.
///
/// Two operations of one lane are never under way in different requests, and one that must be tried again takes those after
/// it in its lane along: whatever happens, the last of a lane is the last to be applied.
pub(super) struct Plan {
    limits: Limits,
    entries: Vec<Entry>,
    /// Those that wait to be sent, in order.
    waiting: BTreeSet<usize>,
    /// Parts of requests that were refused as a whole, to be sent before anything else.
    parts: VecDeque<Vec<usize>>,
    /// How many operations of a lane are under way.
    busy: HashMap<u64, usize>,
    /// Lanes whose tries are used up: what follows in them is not sent.
    stuck: HashSet<u64>,
    under_way: usize,
    /// Tries in a row that the server was too busy for; what was under way together counts once.
    failures: u32,
    /// When the last of these began to count.
    failed_at: Instant,
    not_before: Instant,
    give_up_at: Instant,
    /// How many were done before.
    pub(super) replayed: u64,
    /// What to make of a server that takes nothing; only once the plan is finished.
    pub(super) hearing: Hearing,
    /// Tries were used up by a server that takes nothing: no other operation would fare better.
    is_over: bool,
}

struct Entry {
    lane: Option<u64>,
    bytes: usize,
    tries: u32,
    sent_at: Instant,
    outcome: Option<Outcome>,
}

impl Plan {
    /// A plan for operations given by lane and size.
    pub(super) fn new(
        operations: impl IntoIterator<Item = (Option<u64>, usize)>,
        limits: Limits,
        now: Instant,
    ) -> Self {
        let entry = |(lane, bytes)| Entry { lane, bytes, tries: 0, sent_at: now, outcome: None };
        let entries: Vec<Entry> = operations.into_iter().map(entry).collect();
        Self {
            waiting: (0..entries.len()).collect(),
            entries,
            limits,
            parts: VecDeque::new(),
            busy: HashMap::new(),
            stuck: HashSet::new(),
            under_way: 0,
            failures: 0,
            failed_at: now,
            not_before: now,
            give_up_at: now + limits.patience,
            replayed: 0,
            hearing: Hearing::default(),
            is_over: false,
        }
    }

    /// What to do now.
    pub(super) fn next(&mut self, now: Instant) -> Step {
        if now > self.give_up_at {
            // Pauses would be waited for with each that is left, and nobody told of it meanwhile.
            self.leave(Vec::new());
        }
        if self.waiting.is_empty() && self.parts.is_empty() {
            return if self.under_way == 0 { Step::Finished } else { Step::Listen };
        }
        if self.under_way >= self.limits.in_flight {
            return Step::Listen;
        }
        if now < self.not_before {
            return Step::Wait(self.not_before);
        }
        let request = self.part().unwrap_or_else(|| self.gather());
        if request.is_empty() {
            // All that waits is behind what is under way.
            return Step::Listen;
        }
        self.under_way += 1;
        for &at in &request {
            self.entries[at].sent_at = now;
            if let Some(lane) = self.entries[at].lane {
                *self.busy.entry(lane).or_default() += 1;
            }
        }
        Step::Send(request)
    }

    fn is_free(&self, at: usize) -> bool {
        self.entries[at].lane.is_none_or(|lane| !self.busy.contains_key(&lane))
    }

    fn part(&mut self) -> Option<Vec<usize>> {
        let first = self.parts.front()?;
        if first.iter().all(|&at| self.is_free(at)) { self.parts.pop_front() } else { Some(Vec::new()) }
    }

    fn gather(&mut self) -> Vec<usize> {
        let (mut request, mut bytes) = (Vec::new(), 0);
        for &at in &self.waiting {
            if !self.is_free(at) {
                continue;
            }
            let size = self.entries[at].bytes;
            if !request.is_empty()
                && (request.len() >= self.limits.records || bytes + size > self.limits.bytes)
            {
                break;
            }
            bytes += size;
            request.push(at);
        }
        for at in &request {
            self.waiting.remove(at);
        }
        request
    }

    /// Takes what became of a request.
    pub(super) fn answered(&mut self, request: Vec<usize>, answer: Answered, now: Instant) {
        self.under_way -= 1;
        for &at in &request {
            if let Some(lane) = self.entries[at].lane
                && let Some(count) = self.busy.get_mut(&lane)
            {
                *count -= 1;
                if *count == 0 {
                    self.busy.remove(&lane);
                }
            }
        }
        let sent_at = request.first().map_or(now, |&at| self.entries[at].sent_at);
        match answer {
            Answered::Each(fates) => {
                let failed = fates.iter().any(|fate| matches!(fate, Fate::Again(_) | Fate::Away(_)));
                self.pause(failed, None, sent_at, now);
                self.settle(request.into_iter().zip(fates), None, now);
            }
            Answered::None { after, why } => {
                self.pause(true, after, sent_at, now);
                let again = request.into_iter().map(|at| (at, Fate::Again(why.clone())));
                self.settle(again, after, now);
            }
            Answered::Away { after, why } => {
                self.pause(true, after, sent_at, now);
                let away = request.into_iter().map(|at| (at, Fate::Away(why.clone())));
                self.settle(away, after, now);
            }
            Answered::Refused(why) => self.divide(request, why, now),
        }
    }

    /// Half a request at a time, until the one that the server minds is alone.
    fn divide(&mut self, mut request: Vec<usize>, why: String, now: Instant) {
        if request.len() == 1 {
            return self.settle(request.into_iter().map(|at| (at, Fate::Refused(why.clone()))), None, now);
        }
        let rest = request.split_off(request.len() / 2);
        self.parts.push_front(rest);
        self.parts.push_front(request);
    }

    fn pause(&mut self, failed: bool, after: Option<Duration>, sent_at: Instant, now: Instant) {
        if !failed {
            self.failures = 0;
            return;
        }
        if self.failures == 0 || sent_at >= self.failed_at {
            let doubled = self.limits.backoff.saturating_mul(1 << self.failures.min(16));
            self.failures += 1;
            self.failed_at = now;
            self.not_before = self.not_before.max(now + doubled.min(BACKOFF_MAX));
        }
        self.not_before = self.not_before.max(now + after.unwrap_or_default());
    }

    fn settle(&mut self, fates: impl Iterator<Item = (usize, Fate)>, after: Option<Duration>, now: Instant) {
        // Lanes in which something of this request must be done again, with what became of that.
        let mut behind: HashMap<u64, Fate> = HashMap::new();
        let mut redo = Vec::new();
        for (at, fate) in fates {
            let lane = self.entries[at].lane;
            let is_stuck = lane.is_some_and(|lane| self.stuck.contains(&lane));
            let fate = match (lane.and_then(|lane| behind.get(&lane)), fate) {
                (Some(first), Fate::Done | Fate::Again(_) | Fate::Away(_)) => first.clone(),
                (None, Fate::Done) if is_stuck => Fate::Again(BEHIND.to_owned()),
                (_, fate) => fate,
            };
            if !matches!(fate, Fate::Away(_)) {
                self.hearing.hear();
            }
            match fate {
                Fate::Done => self.entries[at].outcome = Some(Outcome::Ok),
                Fate::Replayed => {
                    self.replayed += 1;
                    self.entries[at].outcome = Some(Outcome::Ok);
                }
                Fate::Refused(why) => self.entries[at].outcome = Some(Outcome::Reject { why }),
                Fate::Again(ref why) | Fate::Away(ref why) => {
                    if let Some(lane) = lane {
                        behind.insert(lane, fate.clone());
                    }
                    if self.again(at, after, why, now) {
                        redo.push(at);
                    } else {
                        self.is_over |= matches!(fate, Fate::Away(_));
                    }
                }
            }
        }
        if self.is_over {
            return self.leave(redo);
        }
        // Behind the parts of a request that was divided, it would be overtaken by what follows it in its lane.
        if self.parts.is_empty() {
            self.waiting.extend(redo);
        } else if !redo.is_empty() {
            self.parts.push_front(redo);
        }
    }

    /// Sends nothing more.
    fn leave(&mut self, redo: Vec<usize>) {
        let parts = std::mem::take(&mut self.parts).into_iter().flatten();
        for at in std::mem::take(&mut self.waiting).into_iter().chain(parts).chain(redo) {
            self.entries[at].outcome = Some(Outcome::Untried);
        }
    }

    /// Whether it is to be sent again; else the runtime is told to.
    fn again(&mut self, at: usize, after: Option<Duration>, why: &str, now: Instant) -> bool {
        let limits = self.limits;
        let entry = &mut self.entries[at];
        entry.tries += 1;
        let is_stuck = entry.lane.is_some_and(|lane| self.stuck.contains(&lane));
        let is_late = self.not_before.max(now) > self.give_up_at;
        if entry.tries <= limits.retries && !is_late && !is_stuck {
            return true;
        }
        self.hearing.miss(|| TaskError::Retry { after, why: why.to_owned() });
        let put_off = Outcome::Retry { after, why: why.to_owned() };
        entry.outcome = Some(put_off.clone());
        let Some(lane) = entry.lane else { return false };
        self.stuck.insert(lane);
        // What follows in the lane comes again with it, in order.
        let behind: Vec<usize> =
            self.waiting.iter().copied().filter(|&one| self.entries[one].lane == Some(lane)).collect();
        for one in behind {
            self.waiting.remove(&one);
            self.entries[one].outcome = Some(put_off.clone());
        }
        false
    }

    /// What became of each operation, in order. Only once the plan is finished.
    pub(super) fn outcomes(self) -> impl Iterator<Item = Outcome> {
        let unsettled = || Outcome::Retry { after: None, why: "it was not sent".to_owned() };
        self.entries.into_iter().map(move |entry| entry.outcome.unwrap_or_else(unsettled))
    }
}

#[cfg(test)]
mod tests;
