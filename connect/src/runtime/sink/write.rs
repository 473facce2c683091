//! From lanes to the target, and what its answers mean.

use std::time::{Duration, Instant};

use super::arrive::as_read;
use super::bisect::{Bisection, Stop, Verdict};
use super::chunks::find;
use super::lanes::GivenUp;
use super::{Outage, SinkRun};
use crate::herder::State;
use crate::record::Record;
use crate::runtime::RunError;
use crate::runtime::backoff::Attempts;
use crate::runtime::failure::Failure;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::runtime::undertaker::Leg;
use crate::sink::SinkTask;

impl SinkRun {
    /// Hands the target what is ready.
    pub(super) async fn write(&mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        let started = Instant::now();
        let taken = self.lanes.take(started, self.options.batch_records);
        if taken.records.is_empty() {
            return Ok(());
        }
        let mut bisection = Bisection::new(taken.records.len());
        let outcome = self.put(task, &taken.records, &mut bisection).await;
        let verdicts = bisection.into_verdicts();
        let ok = verdicts.iter().filter(|verdict| **verdict == Verdict::Ok).count();
        let again = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Retry { .. })).count();
        let meter = &self.environment.reporter.meter;
        meter.spent(Stage::Write, Doing::Busy, started);
        Meter::add(&meter.written, ok);
        Meter::add(&meter.retried, again);
        self.unflushed |= ok > 0;
        let given_up = self.lanes.settle(taken, verdicts, Instant::now(), rand::random());
        outcome?;
        let passed_last = ok - given_up.iter().map(|given_up| given_up.passed_before).sum::<usize>();
        self.give_up(given_up).await?;
        self.undertaker.passed(Leg::Out, passed_last);
        self.release();
        Ok(())
    }

    /// Writes part by part until each record has its verdict, or the target takes nothing more.
    async fn put(
        &mut self,
        task: &mut dyn SinkTask,
        records: &[Record],
        bisection: &mut Bisection,
    ) -> Result<(), RunError> {
        while let Some(part) = bisection.next() {
            let Some(answer) = self.seat.patient(None, task.write(&records[part])).await? else {
                bisection.put_off();
                return self.abandon().await;
            };
            match bisection.answered(answer) {
                Ok(()) if self.flush_failed => {}
                Ok(()) => self.outage = None,
                Err(Stop::Out { after, why }) => return self.out(after, &why).await,
                Err(Stop::Fatal(why)) => return Err(RunError::Fatal(why)),
            }
        }
        Ok(())
    }

    /// The target takes nothing for now.
    pub(super) async fn out(&mut self, after: Option<Duration>, why: &str) -> Result<(), RunError> {
        let now = Instant::now();
        let mut attempts =
            self.outage.as_ref().map_or_else(|| Attempts::begin(now), |outage| outage.attempts);
        let budget = self.environment.options.errors.target_budget();
        Meter::add(&self.environment.reporter.meter.retried, 1);
        let Some(until) = budget.next(&mut attempts, after.unwrap_or_default(), now, rand::random()) else {
            return Err(RunError::Halted(format!("errors.retry.timeout is over: {why}")));
        };
        self.outage = Some(Outage { attempts, until });
        self.lanes.forgive();
        self.environment.reporter.state(State::Degraded, Some(why)).await;
        Ok(())
    }

    async fn give_up(&mut self, given_up: Vec<GivenUp>) -> Result<(), RunError> {
        let mut failed = Vec::with_capacity(given_up.len());
        for GivenUp { slot, why, passed_before } in given_up {
            let failure = Failure::put(why);
            let Some(fetched) = self.chunks.fetched(&slot.partition, slot.offset) else { continue };
            let mut read = None;
            find(fetched, slot.offset, |wire| {
                read = Some(as_read(fetched, wire, failure.clone(), passed_before));
            })?;
            failed.extend(read);
        }
        self.bury_all(Leg::Out, failed).await
    }

    /// Lets go of the bytes whose records are done.
    pub(super) fn release(&mut self) {
        for (partition, below) in self.lanes.committable() {
            self.chunks.done(&partition, below);
        }
    }
}
