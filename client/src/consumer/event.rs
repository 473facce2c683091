//! What a consumer is told by [`poll`](crate::Consumer::poll).

use tokio::sync::oneshot;

use super::Fetched;
use crate::TopicPartition;

/// Something for the program to handle. Rebalances are events, in order with the records around them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records of one partition.
    Fetched(Fetched),
    /// Partitions that this member reads from now on, in addition to those it has.
    Assigned(Vec<TopicPartition>),
    /// Partitions to let go of. Nobody else gets them before this is dropped: commit first.
    Revoked(Revoked),
    /// Partitions that were taken away: others may own them already, and a commit for them fails.
    Lost(Vec<TopicPartition>),
}

/// Partitions that are about to leave this member. The rebalance goes on when this is dropped; take no longer than
/// `max.poll.interval.ms`.
#[derive(Debug)]
#[must_use = "dropping it lets the rebalance go on"]
pub struct Revoked {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// Its drop is what the group waits for.
    _held: Option<oneshot::Sender<()>>,
}

impl Revoked {
    /// The event, and what resolves when the event is dropped.
    pub(crate) fn new(partitions: Vec<TopicPartition>) -> (Self, oneshot::Receiver<()>) {
        let (held, released) = oneshot::channel();
        (Self { partitions, _held: Some(held) }, released)
    }
}
