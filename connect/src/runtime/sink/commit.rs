//! Offsets follow what the target has made safe.

use std::time::Instant;

use millstream_client::{ErrorClass, ErrorCode, Offset};

use super::SinkRun;
use crate::error::TaskError;
use crate::runtime::RunError;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::sink::SinkTask;

impl SinkRun {
    /// Flushes the target and commits what is done.
    pub(super) async fn commit(&mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        let started = Instant::now();
        let interval = self.environment.flush_interval;
        self.commit_at = started + task.flush_within().map_or(interval, |wish| wish.min(interval));
        if self.unflushed || task.flush_within().is_some() {
            let flush = self.seat.patient(task.flush()).await?;
            self.environment.reporter.meter.spent(Stage::Write, Doing::Busy, started);
            match flush {
                Some(Ok(())) => self.unflushed = false,
                Some(Err(TaskError::Retry { after, why })) => {
                    self.rewind()?;
                    return self.out(after, &why).await;
                }
                Some(Err(error)) => return Err(error.into()),
                // Partitions go, and what was written is not known to be safe: whoever gets them writes it again.
                None => {
                    self.abandoned = true;
                    return self.rewind();
                }
            }
        }
        let offsets = self.lanes.committable();
        self.release();
        if offsets.is_empty() {
            return Ok(());
        }
        match self.seat.consumer.commit_offsets(offsets.iter().cloned()).await {
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
        for (partition, offset) in self.lanes.rewind() {
            if self.seat.assigned.contains(&partition) {
                self.seat.consumer.seek(&partition, Offset(offset))?;
            }
            self.chunks.forget(std::slice::from_ref(&partition));
            self.drop_fetched(&partition);
        }
        self.unflushed = false;
        Ok(())
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
