//! Writes what a task has given, in its own time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use millstream::outlet::Place;
use tokio::time::timeout;

use super::desk::{Desk, Ended, Orders};
use super::form::refused;
use super::held::Held;
use super::open::Room;
use super::options::Rules;
use crate::error::{ConnectError, TaskError};
use crate::runtime::bisect::{Bisection, Stop, Verdict};
use crate::runtime::{Attempts, Brake, panicked};
use crate::sink::SinkTask;

/// A sink whose task has gone has so long to end its sessions.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// The writer of one task.
pub(super) struct Writer {
    desk: Arc<Desk>,
    held: Held<Option<Place>>,
    rules: Rules,
    room: Room,
    brake: Brake,
    /// The target takes nothing, since its first failure, and is left alone until then.
    outage: Option<(Attempts, Instant)>,
    /// The last flush failed: that records are written is no sign that the target is well.
    flush_failed: bool,
    /// When it was flushed last, or was seen to have nothing to flush.
    flushed: Instant,
}

impl Writer {
    pub(super) fn new(desk: Arc<Desk>, rules: Rules, room: Room) -> Self {
        let held = Held::new(rules.record_budget);
        let brake = Brake::new(rules.brake_percent, rules.brake_window);
        Self { desk, held, rules, room, brake, outage: None, flush_failed: false, flushed: Instant::now() }
    }

    /// Runs until the task goes. Why it cannot go on, the desk is told.
    pub(super) async fn run<O, F>(self, opening: O)
    where
        O: Fn() -> F + Send,
        F: Future<Output = Result<Box<dyn SinkTask>, ConnectError>> + Send,
    {
        let desk = Arc::clone(&self.desk);
        let ended = AssertUnwindSafe(self.turns(opening)).catch_unwind().await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(Ended(why))) => desk.fail(why),
            Err(panic) => desk.fail(panicked(&*panic)),
        }
    }

    async fn turns<O, F>(mut self, opening: O) -> Result<(), Ended>
    where
        O: Fn() -> F,
        F: Future<Output = Result<Box<dyn SinkTask>, ConnectError>>,
    {
        let mut task = self.opened(opening).await?;
        loop {
            let Orders { asked, is_left } = self.desk.collect(&mut self.held);
            if is_left {
                // A session that does not end in time is cut.
                let _ = timeout(CLOSES_WITHIN, task.close()).await;
                return Ok(());
            }
            let now = Instant::now();
            if let Some((_, until)) = self.outage.filter(|(_, until)| *until > now) {
                self.desk.wait(Some(until)).await;
            } else if self.held.ready(now) > 0 {
                self.write(&mut *task, now).await?;
            } else if self.flush_is_due(asked, &*task, now) {
                self.flush(&mut *task).await?;
            } else {
                let wish = task.flush_within().map(|within| self.flushed + within);
                let until = [self.held.wake_at(), wish].into_iter().flatten().min();
                self.desk.wait(until).await;
            }
        }
    }

    /// Opens the sink, as soon as the target lets it.
    async fn opened<O, F>(&mut self, opening: O) -> Result<Box<dyn SinkTask>, Ended>
    where
        O: Fn() -> F,
        F: Future<Output = Result<Box<dyn SinkTask>, ConnectError>>,
    {
        loop {
            match opening().await {
                Ok(task) => {
                    self.outage = None;
                    return Ok(task);
                }
                Err(error @ ConnectError::Options(_)) => return Err(Ended(error.to_string())),
                Err(ConnectError::Refused(why) | ConnectError::Away(why)) => self.out(None, &why)?,
            }
            if let Some((_, until)) = self.outage {
                tokio::time::sleep_until(until.into()).await;
            }
        }
    }

    fn flush_is_due(&self, asked: u64, task: &dyn SinkTask, now: Instant) -> bool {
        if !self.held.is_written() {
            return false;
        }
        let wished = task.flush_within().is_some_and(|within| self.flushed + within <= now);
        wished || !self.held.is_empty() && (asked > self.held.safe() || self.room.is_scarce())
    }

    async fn write(&mut self, task: &mut dyn SinkTask, now: Instant) -> Result<(), Ended> {
        let (slots, records) = self.held.take(now, self.rules.batch_records);
        let mut bisection = Bisection::new(records.len());
        let mut stop = None;
        while let Some(part) = bisection.next() {
            let answer = task.write(&records[part]).await;
            if let Err(why) = bisection.answered(answer) {
                stop = Some(why);
            } else if !self.flush_failed {
                self.outage = None;
            }
        }
        let verdicts = bisection.into_verdicts();
        let ok = verdicts.iter().filter(|verdict| **verdict == Verdict::Ok).count();
        let again = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Retry { .. })).count();
        self.desk.count(|counts| {
            counts.written += ok as u64;
            counts.retried += again as u64;
        });
        let given_up = self.held.settle(slots, records, verdicts, Instant::now(), rand::random());
        let mut told = Vec::with_capacity(given_up.len());
        let mut passed = ok;
        for given_up in given_up {
            self.brake.passed(given_up.passed_before);
            passed -= given_up.passed_before;
            if self.brake.failed() {
                return Err(Ended(format!("{}; the last: {}", self.brake.reason(), given_up.why)));
            }
            told.push(refused(&given_up.record, given_up.with, given_up.why));
        }
        self.brake.passed(passed);
        self.desk.refuse(told);
        match stop {
            None => Ok(()),
            Some(Stop::Out { after, why }) => self.out(after, &why),
            Some(Stop::Fatal(why)) => Err(Ended(why)),
        }
    }

    async fn flush(&mut self, task: &mut dyn SinkTask) -> Result<(), Ended> {
        let outcome = task.flush().await;
        self.flushed = Instant::now();
        self.flush_failed = outcome.is_err();
        match outcome {
            Ok(()) => {
                self.outage = None;
                self.room.give_back(self.held.flushed());
                self.desk.is_safe(self.held.safe());
                Ok(())
            }
            Err(TaskError::Retry { after, why }) => {
                self.held.rewind();
                self.out(after, &why)
            }
            Err(TaskError::Rejected { why } | TaskError::Fatal { why }) => Err(Ended(why)),
        }
    }

    /// The target takes nothing for now.
    fn out(&mut self, after: Option<Duration>, why: &str) -> Result<(), Ended> {
        let now = Instant::now();
        let mut attempts = self.outage.map_or_else(|| Attempts::begin(now), |(attempts, _)| attempts);
        self.desk.count(|counts| counts.retried += 1);
        let next =
            self.rules.target_budget.next(&mut attempts, after.unwrap_or_default(), now, rand::random());
        let Some(until) = next else { return Err(Ended(format!("errors.retry.timeout is over: {why}"))) };
        tracing::warn!(why, failed = attempts.failed, "a sink takes nothing; it is tried again");
        self.outage = Some((attempts, until));
        self.held.forgive();
        Ok(())
    }
}
