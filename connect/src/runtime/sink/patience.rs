//! Waiting for a target that may hang, without losing the place in the group.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use millstream_client::{Consumer, Event, TopicPartition};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::runtime::RunError;
use crate::runtime::environment::Control;

/// A target that answers within this is not worth a second thought.
const QUICK: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_secs(1);

/// A consumer, and what has to be known to wait beside it.
pub(super) struct Seat {
    pub(super) consumer: Consumer,
    pub(super) assigned: BTreeSet<TopicPartition>,
    /// Came while something else was waited for; dealt with in order.
    pub(super) events: VecDeque<Event>,
    /// Partitions that are paused because their lane is full of what a failing record holds up.
    pub(super) choked: BTreeSet<TopicPartition>,
    pub(super) control: watch::Receiver<Control>,
    /// `task.shutdown.graceful.timeout.ms`.
    pub(super) graceful: Duration,
}

impl Seat {
    /// Waits for an answer of the target. When that takes long, partitions are paused, and polled so that the group goes on with
    /// this member; events are kept for later. `None`: partitions are to be given back, or the task is to end, and the target has
    /// not answered within `graceful` since: whoever comes next does the same work again.
    pub(super) async fn patient<T>(
        &mut self,
        answer: impl Future<Output = T>,
    ) -> Result<Option<T>, RunError> {
        let mut answer = pin!(answer);
        if let Ok(answer) = timeout(QUICK, &mut answer).await {
            return Ok(Some(answer));
        }
        self.consumer.pause(&self.assigned());
        let (mut deadline, mut stop) = (None, self.control.clone());
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break Some(answer),
                () = reached(deadline) => break None,
                _ = stop.wait_for(|control| control.stop), if deadline.is_none() => {
                    deadline = Some(Instant::now() + self.graceful);
                }
                event = self.consumer.poll(POLL) => {
                    let Some(event) = event? else { continue };
                    match &event {
                        Event::Assigned(partitions) => self.consumer.pause(partitions),
                        Event::Revoked(_) => deadline = Some(Instant::now() + self.graceful),
                        _ => {}
                    }
                    self.events.push_back(event);
                }
            }
        };
        self.consumer.resume(&self.consumer.assignment());
        self.choked.clear();
        Ok(outcome)
    }

    /// What is read, as a list.
    pub(super) fn assigned(&self) -> Vec<TopicPartition> {
        self.assigned.iter().cloned().collect()
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
