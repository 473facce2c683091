//! Waiting for a target that may hang, or for memory, without losing the place in the group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use millstream_client::{Consumer, Event, TopicPartition};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use crate::runtime::RunError;
use crate::runtime::environment::Control;

/// A target that answers within this is not worth a second thought.
const QUICK: Duration = Duration::from_secs(1);
/// How long the group is listened to at a time.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// A consumer, and what has to be known to wait beside it.
pub(super) struct Seat {
    pub(super) consumer: Consumer,
    /// What is read, and which topic of its name it is of, as the sink was told.
    pub(super) assigned: BTreeMap<TopicPartition, Uuid>,
    /// Came while something else was waited for; dealt with in order, rebalances first.
    pub(super) events: VecDeque<Event>,
    /// Partitions that are paused because their lane is full of what a failing record holds up.
    pub(super) choked: BTreeSet<TopicPartition>,
    pub(super) control: watch::Receiver<Control>,
    /// `task.shutdown.graceful.timeout.ms`.
    pub(super) graceful: Duration,
    /// How long a target is waited for at most when partitions go: others wait for them.
    pub(super) letting_go: Duration,
}

impl Seat {
    /// Waits for an answer of the target. When that takes long, partitions are paused, and polled so that the group goes on with
    /// this member; events are kept for later. `None`: the target has not answered by `by`, or partitions are to be given back, or
    /// the task is to end, and it has not answered within `letting_go` or `graceful` since: whoever comes next does the same work
    /// again.
    pub(super) async fn patient<T>(
        &mut self,
        by: Option<Instant>,
        answer: impl Future<Output = T>,
    ) -> Result<Option<T>, RunError> {
        let mut answer = pin!(answer);
        if let Ok(answer) = timeout(QUICK, &mut answer).await {
            return Ok(Some(answer));
        }
        self.consumer.pause(&self.assigned());
        let (mut deadline, mut stop) = (by, self.control.clone());
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
                        Event::Revoked(_) if deadline.is_none() => {
                            deadline = Some(Instant::now() + self.letting_go);
                        }
                        _ => {}
                    }
                    self.events.push_back(event);
                }
            }
        };
        self.read_on();
        Ok(outcome)
    }

    /// Waits for something that others give, `POLL` at most: not beyond what the group or the worker has to say.
    pub(super) async fn meanwhile<T>(
        &mut self,
        given: impl Future<Output = T>,
    ) -> Result<Option<T>, RunError> {
        self.consumer.pause(&self.assigned());
        let mut control = self.control.clone();
        let outcome = tokio::select! {
            biased;
            given = given => Some(given),
            _ = control.changed() => None,
            event = self.consumer.poll(POLL) => {
                self.events.extend(event?);
                None
            }
        };
        self.read_on();
        Ok(outcome)
    }

    /// Takes the first thing that the group said from what came meanwhile. Records before it can wait: those of a partition that
    /// goes are void, and none of one that comes is here before the word of it.
    pub(super) fn next_rebalance(&mut self) -> Option<Event> {
        let at = self.events.iter().position(|event| !matches!(event, Event::Fetched(_)))?;
        self.events.remove(at)
    }

    /// Reads all that is assigned. What was paused for its lane's sake is found out anew.
    pub(super) fn read_on(&mut self) {
        self.consumer.resume(&self.consumer.assignment());
        self.choked.clear();
    }

    /// What is read, as a list.
    pub(super) fn assigned(&self) -> Vec<TopicPartition> {
        self.assigned.keys().cloned().collect()
    }
}

/// Completes then; never where there is no time.
pub(super) async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
