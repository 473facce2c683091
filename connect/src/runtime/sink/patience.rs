//! Waiting for a target that may hang, without losing the place in the group.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use millstream_client::{Consumer, Event, TopicPartition};
use tokio::time::{Instant, sleep_until, timeout};

use crate::runtime::RunError;

/// A target that answers within this is not worth a second thought.
const QUICK: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_secs(1);

/// Waits for an answer of the target. When that takes long, partitions are paused, and polled so that the group goes on with this
/// member; events are kept for later. `None`: partitions are to be given back, and the target has not answered within `graceful`
/// since: whoever gets them does the same work again.
pub(super) async fn patient<T>(
    consumer: &mut Consumer,
    events: &mut VecDeque<Event>,
    assigned: &BTreeSet<TopicPartition>,
    graceful: Duration,
    answer: impl Future<Output = T>,
) -> Result<Option<T>, RunError> {
    let mut answer = pin!(answer);
    if let Ok(answer) = timeout(QUICK, &mut answer).await {
        return Ok(Some(answer));
    }
    let mut paused: Vec<TopicPartition> = assigned.iter().cloned().collect();
    consumer.pause(&paused);
    let mut deadline: Option<Instant> = None;
    let outcome = loop {
        let over = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = &mut answer => break Some(answer),
            () = over => break None,
            event = consumer.poll(POLL) => {
                let Some(event) = event? else { continue };
                match &event {
                    Event::Assigned(partitions) => {
                        consumer.pause(partitions);
                        paused.extend(partitions.iter().cloned());
                    }
                    Event::Revoked(_) => deadline = Some(Instant::now() + graceful),
                    _ => {}
                }
                events.push_back(event);
            }
        }
    };
    consumer.resume(&paused);
    Ok(outcome)
}
