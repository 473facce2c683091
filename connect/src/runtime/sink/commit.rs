//! Offsets follow what the target has made safe.

use std::time::Instant;

use millstream_client::{ErrorClass, ErrorCode};

use super::SinkRun;
use crate::error::TaskError;
use crate::runtime::RunError;
use crate::runtime::environment::telling;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::sink::SinkTask;

impl SinkRun {
    /// Flushes the target, which is waited for until `by` at most, and commits what is done.
    pub(super) async fn commit(
        &mut self,
        task: &mut dyn SinkTask,
        by: Option<Instant>,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let interval = self.environment.flush_interval;
        self.commit_at = started + task.flush_within().map_or(interval, |wish| wish.min(interval));
        if self.unflushed || task.flush_within().is_some() {
            let flush = match self.abandoned {
                true => None,
                false => self.seat.patient(by.map(Into::into), task.flush()).await?,
            };
            self.environment.reporter.meter.spent(Stage::Write, Doing::Busy, started);
            match flush {
                Some(Ok(())) => self.unflushed = false,
                Some(Err(TaskError::Retry { after, why })) => {
                    self.flush_failed = true;
                    self.rewind()?;
                    return self.out(after, &why).await;
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    self.rewind()?;
                    return self.abandon().await;
                }
            }
        }
        let offsets = self.lanes.committable();
        self.release();
        if offsets.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.flush_failed) {
            self.outage = None;
        }
        let committing = self.seat.consumer.commit_offsets(offsets.iter().cloned());
        match telling(committing, || self.tell()).await {
            Ok(()) => {
                self.lanes.committed(&offsets);
                Meter::add(&self.environment.reporter.meter.commits, 1);
                Ok(())
            }
            Err(error) if may_wait(&error) => {
                tracing::warn!(task = %self.environment.id, %error, "offsets are not committed; the next commit covers them");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What was written since the last commit is not safe: it is read again.
    fn rewind(&mut self) -> Result<(), RunError> {
        self.unflushed = false;
        let offsets = self.lanes.rewind();
        self.read_again(offsets)
    }

    /// Partitions go or the task ends, and the target does not answer: what was written and not flushed is given up without a
    /// commit, so whoever reads on writes it again.
    pub(super) async fn abandon(&mut self) -> Result<(), RunError> {
        self.abandoned = true;
        self.given_up_at = Some(Instant::now());
        let why = "the target did not answer in time, so partitions were given up without a commit: what was written of them \
                   since the last commit is written again";
        if self.seat.control.borrow().stop {
            tracing::warn!(task = %self.environment.id, why);
            return Ok(());
        }
        self.out(None, why).await
    }

    pub(super) fn drop_fetched(&mut self, partition: &millstream_client::TopicPartition) {
        use millstream_client::Event::Fetched;
        self.waiting_for_memory.take_if(|fetched| fetched.partition == *partition);
        self.seat
            .events
            .retain(|event| !matches!(event, Fetched(fetched) if fetched.partition == *partition));
    }
}

/// A commit that a later one makes up for: the group is in motion, or the coordinator is.
fn may_wait(error: &millstream_client::Error) -> bool {
    let moving = [ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration, ErrorCode::UnknownMemberId];
    error.class() == ErrorClass::Retriable || error.code().is_some_and(|code| moving.contains(&code))
}
