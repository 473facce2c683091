//! Requests that stay under way while the runtime gets the next records ready.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use millstream_client::TopicPartition;
use tokio::task::JoinSet;

use crate::http::requests::{Hearing, Sent};
use crate::{Origin, Outcome, Record, TaskError};

/// What is under way, and what became of what was. A record whose request is under way is left with the runtime, which gives
/// it again with the next write; it is known by its place then and not sent again.
#[derive(Default)]
pub(super) struct Volleys {
    under_way: JoinSet<(Vec<Place>, Result<Sent, TaskError>)>,
    /// The partitions that places are of.
    lanes: Vec<Lane>,
    /// How many there have been: none has the number of another.
    numbered: u64,
    /// Whether the server did not take a record, in the write that goes on.
    troubled: bool,
    /// What to make of a server that takes nothing, in that write.
    hearing: Hearing,
}

/// A partition from when it is assigned until it is another's.
struct Lane {
    number: u64,
    topic: Arc<str>,
    partition: i32,
    /// What was sent or settled and not told yet, by offset: records come in this order, so that none needs to be looked for.
    known: VecDeque<(i64, Known)>,
}

/// What became of a record.
#[derive(Debug, PartialEq)]
enum Known {
    UnderWay,
    Settled(Outcome),
    /// The runtime knows, and gives it again only to be tried again.
    Told,
}

/// Where a record was read: what it is known by when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of its lane.
    lane: u64,
    offset: i64,
}

/// Goes from place to place. Where they come by lane and offset each step is short; it finds every other place too.
#[derive(Default)]
struct Cursor {
    lane: usize,
    at: usize,
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
            let (topic, partition) = (Arc::clone(topic), *partition);
            self.lanes.push(Lane { number: self.numbered, topic, partition, known: VecDeque::new() });
            self.lanes.len() - 1
        })
    }

    /// The runtime knows of all that was wrong before.
    pub(super) fn begin(&mut self) {
        self.troubled = false;
        self.hearing = Hearing::default();
    }

    /// What the server said if it took nothing, for no fault of the records.
    pub(super) fn away(&mut self) -> Option<TaskError> {
        self.hearing.away()
    }

    /// Whether something is wrong with one of the records, which the runtime is to hear of before more are sent.
    pub(super) fn is_troubled(&self) -> bool {
        self.troubled
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Those that were neither sent nor settled.
    pub(super) fn unknown<'r>(&self, places: &[Place], records: &'r [Record]) -> Vec<(Place, &'r Record)> {
        let mut cursor = Cursor::default();
        let all = places.iter().copied().zip(records);
        all.filter(|(place, _)| cursor.find(&self.lanes, *place).is_none()).collect()
    }

    /// Whether it is known what became of one of them.
    pub(super) fn is_any_settled(&self, places: &[Place]) -> bool {
        let mut cursor = Cursor::default();
        let is_settled = |fate: &Known| matches!(fate, Known::Settled(_));
        places.iter().any(|place| cursor.find(&self.lanes, *place).is_some_and(is_settled))
    }

    /// A record needs no request.
    pub(super) fn settle(&mut self, place: Place, outcome: Outcome) {
        self.know(&[place], || Known::Settled(outcome.clone()));
    }

    /// Sends records, whose outcomes are those of `send` in their order.
    pub(super) fn fire(
        &mut self,
        places: Vec<Place>,
        send: impl Future<Output = Result<Sent, TaskError>> + Send + 'static,
    ) {
        self.know(&places, || Known::UnderWay);
        self.under_way.spawn(async move { (places, send.await) });
    }

    fn know(&mut self, places: &[Place], fate: impl Fn() -> Known) {
        let mut cursor = Cursor::default();
        for place in places {
            if let Some(lane) = cursor.seek(&self.lanes, *place) {
                self.lanes[lane].known.insert(cursor.at, (place.offset, fate()));
            }
        }
    }

    /// Waits until one has an answer, and takes in all that have. Returns how many of their records were there before.
    pub(super) async fn answered(&mut self) -> Result<u64, TaskError> {
        let mut replayed = 0;
        let mut next = self.under_way.join_next().await;
        while let Some(joined) = next {
            let (places, sent) = joined.map_err(|error| TaskError::fatal(format!("a request: {error}")))?;
            let sent = sent?;
            replayed += sent.replayed;
            match sent.away {
                Some(away) => self.hearing.miss(|| away),
                None => self.hearing.hear(),
            }
            let mut cursor = Cursor::default();
            for (place, outcome) in places.into_iter().zip(sent.outcomes) {
                // Forgotten meanwhile where it is another's now.
                if let Some(fate) = cursor.find_mut(&mut self.lanes, place) {
                    self.troubled |= outcome != Outcome::Ok;
                    *fate = Known::Settled(outcome);
                }
            }
            next = self.under_way.try_join_next();
        }
        Ok(replayed)
    }

    /// What became of records, each of which is told once; [`Outcome::Untried`]: it is under way, or not sent yet.
    pub(super) fn tell(&mut self, places: &[Place]) -> Vec<Outcome> {
        let mut cursor = Cursor::default();
        let tell = |place: &Place| match cursor.find_mut(&mut self.lanes, *place) {
            Some(fate @ Known::Settled(_)) => std::mem::replace(fate, Known::Told).outcome(),
            _ => Outcome::Untried,
        };
        let told = places.iter().map(tell).collect();
        self.lanes.iter_mut().for_each(|lane| lane.known.retain(|(_, fate)| *fate != Known::Told));
        told
    }

    /// Records of these partitions do not come again, or come as new ones, of which no answer to what is under way says anything:
    /// they may be of another topic of the same name.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.lanes.retain(|lane| !partitions.iter().any(|one| lane.is_of(&one.topic, one.partition)));
    }
}

impl Lane {
    fn is_of(&self, topic: &Arc<str>, partition: i32) -> bool {
        self.partition == partition && (Arc::ptr_eq(&self.topic, topic) || self.topic == *topic)
    }
}

impl Known {
    fn outcome(self) -> Outcome {
        match self {
            Self::Settled(outcome) => outcome,
            Self::UnderWay | Self::Told => Outcome::Untried,
        }
    }
}

impl Cursor {
    /// Goes to a place, or to where it would be, in the lane that is returned. `None`: the lane is forgotten.
    fn seek(&mut self, lanes: &[Lane], Place { lane, offset }: Place) -> Option<usize> {
        if lanes.get(self.lane).is_none_or(|at| at.number != lane) {
            *self = Self { lane: lanes.iter().position(|at| at.number == lane)?, at: 0 };
        }
        let known = &lanes[self.lane].known;
        let is_before = |at: usize| known.get(at).is_some_and(|(known, _)| *known < offset);
        // One step on is where the next place most often is.
        if is_before(self.at) {
            self.at += 1;
        }
        let is_there = !is_before(self.at) && (self.at == 0 || is_before(self.at - 1));
        if !is_there {
            self.at = known.partition_point(|(known, _)| *known < offset);
        }
        Some(self.lane)
    }

    fn find<'l>(&mut self, lanes: &'l [Lane], place: Place) -> Option<&'l Known> {
        let lane = self.seek(lanes, place)?;
        let (offset, fate) = lanes[lane].known.get(self.at)?;
        (*offset == place.offset).then_some(fate)
    }

    fn find_mut<'l>(&mut self, lanes: &'l mut [Lane], place: Place) -> Option<&'l mut Known> {
        let lane = self.seek(lanes, place)?;
        let (offset, fate) = lanes[lane].known.get_mut(self.at)?;
        (*offset == place.offset).then_some(fate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::seq::{IndexedRandom, SliceRandom};
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::TimestampType;
    use crate::data::SchemaAndValue;

    const PARTITIONS: i32 = 3;
    const OFFSETS: i64 = 40;

    fn record(partition: i32, offset: i64) -> Record {
        let topic: Arc<str> = "web".into();
        let timestamp_type = TimestampType::CreateTime;
        let origin = Some(Origin { topic: Arc::clone(&topic), partition, offset, timestamp_type });
        Record { origin, ..Record::new(topic, SchemaAndValue::NULL) }
    }

    /// Any records in any order: what the runtime gives is not all that a lane has.
    fn some_records(random: &mut StdRng) -> Vec<Record> {
        let mut all: Vec<Record> =
            (0..PARTITIONS).flat_map(|lane| (0..OFFSETS).map(move |offset| record(lane, offset))).collect();
        all.retain(|_| random.random_range(0..3) > 0);
        if random.random() {
            all.shuffle(random);
        }
        all
    }

    fn outcome(random: &mut StdRng) -> Outcome {
        let again = Outcome::Retry { after: None, why: "busy".to_owned() };
        let refused = Outcome::Reject { why: "no".to_owned() };
        [Outcome::Ok, Outcome::Ok, again, refused].choose(random).unwrap().clone()
    }

    #[tokio::test]
    async fn a_record_is_sent_once_and_told_of_once_in_whatever_order_it_comes() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut volleys = Volleys::default();
            // By partition and offset; `None`: under way.
            let mut model: BTreeMap<(i32, i64), Option<Outcome>> = BTreeMap::new();
            for _ in 0..30 {
                let records = some_records(&mut random);
                let names: Vec<(i32, i64)> =
                    records.iter().flat_map(|one| &one.origin).map(|at| (at.partition, at.offset)).collect();
                let places = volleys.places(&records).unwrap();
                let new = volleys.unknown(&places, &records);
                let is_new = |name: &&(i32, i64)| !model.contains_key(*name);
                let expected: Vec<(i32, i64)> = names.iter().filter(is_new).copied().collect();
                let given = new.iter().flat_map(|(_, one)| &one.origin).map(|at| (at.partition, at.offset));
                assert_eq!(given.collect::<Vec<_>>(), expected, "seed {seed}");

                let fired = random.random_range(0..=new.len());
                for (request, names) in new[..fired].chunks(7).zip(expected[..fired].chunks(7)) {
                    let outcomes: Vec<Outcome> = names.iter().map(|_| outcome(&mut random)).collect();
                    model.extend(names.iter().copied().zip(outcomes.iter().cloned().map(Some)));
                    let sent = Sent { outcomes, replayed: 0, away: None };
                    volleys.fire(request.iter().map(|(place, _)| *place).collect(), async { Ok(sent) });
                }
                if let (Some((place, _)), Some(name)) = (new.get(fired), expected.get(fired)) {
                    volleys.settle(*place, Outcome::Ok);
                    model.insert(*name, Some(Outcome::Ok));
                }
                while volleys.len() > 0 {
                    volleys.answered().await.unwrap();
                }
                let known = |name: &(i32, i64)| model.contains_key(name);
                assert_eq!(volleys.is_any_settled(&places), names.iter().any(known), "seed {seed}");
                if random.random_range(0..4) == 0 {
                    let gone = random.random_range(0..PARTITIONS);
                    volleys.forget(&[TopicPartition::new("web", gone)]);
                    model.retain(|(partition, _), _| *partition != gone);
                }
                let told: Vec<Outcome> = names
                    .iter()
                    .map(|name| model.remove(name).flatten().unwrap_or(Outcome::Untried))
                    .collect();
                assert_eq!(volleys.tell(&places), told, "seed {seed}");
            }
        }
    }
}
