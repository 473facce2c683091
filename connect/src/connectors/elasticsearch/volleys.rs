//! Requests that stay under way while the runtime gets the next records ready.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use foldhash::fast::RandomState;
use millstream_client::TopicPartition;
use tokio::task::JoinSet;

use crate::http::requests::Sent;
use crate::{Origin, Outcome, Record, TaskError};

/// What is under way, and what became of what was. A record whose request is under way is left with the runtime, which gives
/// it again with the next write; it is known by its place then and not sent again.
#[derive(Default)]
pub(super) struct Volleys {
    under_way: JoinSet<(Vec<Place>, Result<Sent, TaskError>)>,
    /// What became of a record; `None`: it is under way.
    known: HashMap<Place, Option<Outcome>, RandomState>,
    /// The partitions that places are of.
    lanes: Vec<Lane>,
    /// How many there have been: none has the number of another.
    numbered: u64,
    /// Whether the server did not take a record, in the write that goes on.
    troubled: bool,
}

/// A partition from when it is assigned until it is another's.
struct Lane {
    number: u64,
    topic: Arc<str>,
    partition: i32,
}

/// Where a record was read: what it is known by when it comes again. Each is looked up with every write until it is settled, so
/// it is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The number of its lane.
    lane: u64,
    offset: i64,
}

impl Volleys {
    /// Where records were read, if each was read from a topic.
    pub(super) fn places(&mut self, records: &[Record]) -> Option<Vec<Place>> {
        let mut last = 0;
        let place = |record: &Record| {
            let origin = record.origin.as_ref()?;
            // Those of a partition come one after the other.
            if !self.lanes.get(last).is_some_and(|lane| lane.is_of(&origin.topic, origin.partition)) {
                last = self.lane(origin);
            }
            Some(Place { lane: self.lanes[last].number, offset: origin.offset })
        };
        records.iter().map(place).collect()
    }

    fn lane(&mut self, Origin { topic, partition, .. }: &Origin) -> usize {
        self.lanes.iter().position(|lane| lane.is_of(topic, *partition)).unwrap_or_else(|| {
            self.numbered += 1;
            self.lanes.push(Lane { number: self.numbered, topic: Arc::clone(topic), partition: *partition });
            self.lanes.len() - 1
        })
    }

    /// The runtime knows of all that was wrong before.
    pub(super) fn begin(&mut self) {
        self.troubled = false;
    }

    /// Whether something is wrong with one of the records, which the runtime is to hear of before more are sent.
    pub(super) fn is_troubled(&self) -> bool {
        self.troubled
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether it was sent or settled already.
    pub(super) fn knows(&self, place: Place) -> bool {
        self.known.contains_key(&place)
    }

    /// Whether it is known what became of it.
    pub(super) fn is_settled(&self, place: Place) -> bool {
        matches!(self.known.get(&place), Some(Some(_)))
    }

    /// A record needs no request.
    pub(super) fn settle(&mut self, place: Place, outcome: Outcome) {
        self.known.insert(place, Some(outcome));
    }

    /// Sends records, whose outcomes are those of `send` in their order.
    pub(super) fn fire(
        &mut self,
        places: Vec<Place>,
        send: impl Future<Output = Result<Sent, TaskError>> + Send + 'static,
    ) {
        self.known.extend(places.iter().map(|place| (*place, None)));
        self.under_way.spawn(async move { (places, send.await) });
    }

    /// Waits until one has an answer, and takes in all that have. Returns how many of their records were there before.
    pub(super) async fn answered(&mut self) -> Result<u64, TaskError> {
        let mut replayed = 0;
        let mut next = self.under_way.join_next().await;
        while let Some(joined) = next {
            let (places, sent) = joined.map_err(|error| TaskError::fatal(format!("a request: {error}")))?;
            let sent = sent?;
            replayed += sent.replayed;
            for (place, outcome) in places.into_iter().zip(sent.outcomes) {
                // Forgotten meanwhile where it is another's now.
                if let Some(known) = self.known.get_mut(&place) {
                    self.troubled |= outcome != Outcome::Ok;
                    *known = Some(outcome);
                }
            }
            next = self.under_way.try_join_next();
        }
        Ok(replayed)
    }

    /// What became of a record, which is told once; `None`: it is under way, or not sent yet.
    pub(super) fn take(&mut self, place: Place) -> Option<Outcome> {
        if self.is_settled(place) { self.known.remove(&place).flatten() } else { None }
    }

    /// Records of these partitions do not come again, or come as new ones, of which no answer to what is under way says anything:
    /// they may be of another topic of the same name.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        let is_of = |lane: &mut Lane| partitions.iter().any(|one| lane.is_of(&one.topic, one.partition));
        for Lane { number, .. } in self.lanes.extract_if(.., is_of) {
            self.known.retain(|place, _| place.lane != number);
        }
    }
}

impl Lane {
    fn is_of(&self, topic: &Arc<str>, partition: i32) -> bool {
        self.partition == partition && (Arc::ptr_eq(&self.topic, topic) || self.topic == *topic)
    }
}
