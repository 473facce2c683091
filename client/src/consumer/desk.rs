//! Where each partition is read, and what waits to be taken: the state between fetcher, group and program.

use std::collections::VecDeque;
use std::time::Instant;

use indexmap::IndexMap;
use millstream_wire::ids::NodeId;
use uuid::Uuid;

use super::{Event, Fetched};
use crate::partition::OffsetAndMetadata;
use crate::{Error, TopicPartition};

/// Why a partition has no offset to fetch from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Just assigned: the committed offset, then the reset policy.
    Committed,
    /// The policy of `auto.offset.reset`.
    Reset,
    /// An explicit order: list-offsets' timestamp (-2 for the start, -1 for the end).
    Seek(i64),
}

/// Where one partition stands.
#[derive(Debug)]
pub(crate) struct Place {
    /// The next offset to ask the broker for; ahead of `position` by what waits in the queue.
    pub(crate) fetch_from: Result<i64, Missing>,
    /// The next offset that the program will see.
    pub(crate) position: Option<i64>,
    /// Epoch of the last batch that was taken, for commits.
    pub(crate) position_epoch: i32,
    /// `position` as of the last poll: what was handed out before it has been dealt with, and may be committed.
    pub(crate) processed: Option<i64>,
    /// Epoch of the last batch that was fetched, to notice truncation after a change of leader (KIP-320).
    pub(crate) fetched_epoch: i32,
    /// The leader's epoch that `fetch_from` was checked against.
    pub(crate) validated_epoch: i32,
    pub(crate) paused: bool,
    /// On its way to another member: nothing is fetched or handed out any more.
    pub(crate) leaving: bool,
    /// Bytes in the queue.
    pub(crate) buffered: usize,
    /// Grows with every seek: what was fetched before is void.
    pub(crate) generation: u64,
    /// A look-up of its offset is under way.
    pub(crate) resolving: bool,
    pub(crate) not_before: Option<Instant>,
    /// A broker that the leader named as nearer (KIP-392), and until when it is asked instead.
    pub(crate) preferred: Option<(NodeId, Instant)>,
    /// The topic that the position belongs to, by what a broker served; nil before that.
    pub(crate) topic_id: Uuid,
    /// The metadata says that the topic does not exist.
    pub(crate) absent: bool,
    pub(crate) high_watermark: Option<i64>,
    /// When a broker last answered for it: what is known of its end was true then, whether or not it was said again.
    pub(crate) heard: Option<Instant>,
    pub(crate) log_start: Option<i64>,
}

/// An item of the queue.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Event),
    Failure(Error),
}

/// See the module. Bounded: the fetcher asks only for what [`Desk::wants`].
#[derive(Debug, Default)]
pub(crate) struct Desk {
    places: IndexMap<TopicPartition, Place>,
    queue: VecDeque<Item>,
    buffered: usize,
    next_generation: u64,
    /// Whose records the last poll handed out.
    handed_out: Option<TopicPartition>,
}

impl Desk {
    /// Adds partitions at the offset that will be looked up.
    pub(crate) fn add(&mut self, partitions: &[TopicPartition], missing: Missing) {
        for partition in partitions {
            if !self.places.contains_key(partition) {
                let generation = self.generation();
                self.places.insert(partition.clone(), Place::new(missing, generation));
            }
        }
    }

    fn generation(&mut self) -> u64 {
        self.next_generation += 1;
        self.next_generation
    }

    /// Forgets partitions and what waits of them.
    pub(crate) fn remove(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.places.shift_remove(partition);
        }
        self.drop_void();
    }

    /// Stops handing out partitions, keeping their positions for a last commit.
    pub(crate) fn leaving(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(place) = self.places.get_mut(partition) {
                place.leaving = true;
                // What was not handed out was not read: it belongs to the next owner.
                place.generation = u64::MAX;
            }
        }
        self.drop_void();
    }

    /// Only these from now on.
    pub(crate) fn retain(&mut self, keep: &[TopicPartition]) {
        self.places.retain(|partition, _| keep.contains(partition));
        self.drop_void();
    }

    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        self.places.keys().cloned().collect()
    }

    pub(crate) fn place(&self, partition: &TopicPartition) -> Option<&Place> {
        self.places.get(partition)
    }

    pub(crate) fn place_mut(&mut self, partition: &TopicPartition) -> Option<&mut Place> {
        self.places.get_mut(partition)
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (&TopicPartition, &Place)> {
        self.places.iter()
    }

    pub(crate) fn places_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut Place)> {
        self.places.iter_mut()
    }

    /// Moves a partition; false if it is not assigned.
    pub(crate) fn seek(&mut self, partition: &TopicPartition, to: Result<i64, Missing>) -> bool {
        let generation = self.generation();
        let Some(place) = self.places.get_mut(partition) else { return false };
        place.fetch_from = to;
        place.position = to.ok();
        place.processed = to.ok();
        place.fetched_epoch = -1;
        place.position_epoch = -1;
        place.topic_id = Uuid::nil();
        place.resolving = false;
        place.generation = generation;
        self.drop_void();
        true
    }

    /// The answer to a look-up that was made for `generation`. `epoch` is that of the record before, where a commit told
    /// it: the log may have been cut since (KIP-320).
    pub(crate) fn resolved(
        &mut self,
        partition: &TopicPartition,
        generation: u64,
        offset: i64,
        epoch: Option<i32>,
    ) {
        if let Some(place) = self.places.get_mut(partition).filter(|place| place.generation == generation) {
            place.fetch_from = Ok(offset);
            place.position = Some(offset);
            place.processed = Some(offset);
            place.position_epoch = epoch.unwrap_or(-1);
            place.fetched_epoch = epoch.unwrap_or(-1);
            place.validated_epoch = epoch.unwrap_or(-1);
            place.resolving = false;
        }
    }

    /// Has the leaders asked again for what was read from this broker.
    pub(crate) fn leave_preferred(&mut self, node: NodeId) {
        for place in self.places.values_mut() {
            place.preferred = place.preferred.filter(|(preferred, _)| *preferred != node);
        }
    }

    /// Whether more may be fetched of a partition: `max.partition.fetch.bytes` bounds what waits of it, and
    /// `fetch.max.bytes` what waits of all. What waits because its partition is paused keeps nobody else waiting.
    pub(crate) fn wants(&self, place: &Place, partition_max: usize, total_max: usize, now: Instant) -> bool {
        !place.paused
            && !place.leaving
            // One batch is read whatever the limits, as a broker sends one whatever they are (KIP-74).
            && place.buffered < partition_max.max(1)
            && (self.buffered < total_max.max(1) || self.buffered_to_hand_out() < total_max.max(1))
            && place.not_before.is_none_or(|at| at <= now)
    }

    fn buffered_to_hand_out(&self) -> usize {
        let paused = self.places.values().filter(|place| place.paused).map(|place| place.buffered);
        self.buffered.saturating_sub(paused.sum())
    }

    /// Queues what a fetch brought, unless the partition has moved since.
    pub(crate) fn arrived(&mut self, fetched: Fetched) {
        let Some(place) = self.places.get_mut(&fetched.partition) else { return };
        if place.generation != fetched.generation {
            return;
        }
        place.fetch_from = Ok(fetched.next_offset);
        place.fetched_epoch = fetched.leader_epoch;
        place.buffered += fetched.bytes.len();
        self.buffered += fetched.bytes.len();
        self.queue.push_back(Item::Event(Event::Fetched(fetched)));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.queue.push_back(Item::Event(event));
    }

    pub(crate) fn fail(&mut self, error: Error) {
        self.queue.push_back(Item::Failure(error));
    }

    /// The oldest item that may be handed out, `records_max` of its records at most; records of paused partitions stay
    /// where they are.
    pub(crate) fn take(&mut self, records_max: usize) -> Option<Item> {
        self.note_processed();
        let held_back = |item: &Item| match item {
            Item::Event(Event::Fetched(fetched)) => {
                self.places.get(&fetched.partition).is_some_and(|place| place.paused)
            }
            _ => false,
        };
        let at = self.queue.iter().position(|item| !held_back(item))?;
        let portion = match self.queue.get_mut(at)? {
            Item::Event(Event::Fetched(fetched)) if records_max < usize::MAX => fetched.portion(records_max),
            _ => None,
        };
        // A portion shares its bytes with what stays, which accounts for them.
        let (item, freed) = match portion {
            Some(portion) => (Item::Event(Event::Fetched(portion)), 0),
            None => {
                let item = self.queue.remove(at)?;
                let freed = if let Item::Event(Event::Fetched(all)) = &item { all.bytes.len() } else { 0 };
                (item, freed)
            }
        };
        if let Item::Event(Event::Fetched(fetched)) = &item {
            self.buffered -= freed;
            if let Some(place) = self.places.get_mut(&fetched.partition) {
                place.buffered -= freed;
                place.position = Some(fetched.next_offset);
                place.position_epoch = fetched.leader_epoch;
            }
            self.handed_out = Some(fetched.partition.clone());
        }
        Some(item)
    }

    /// The program polls again: it is done with what it got before.
    fn note_processed(&mut self) {
        if let Some(place) = self.handed_out.take().and_then(|partition| self.places.get_mut(&partition)) {
            place.processed = place.position;
        }
    }

    /// What an automatic commit covers, of these partitions or of all.
    pub(crate) fn processed(
        &self,
        of: Option<&[TopicPartition]>,
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.offsets(of, |place| place.processed)
    }

    /// What a commit of everything that was handed out covers.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.offsets(None, |place| place.position)
    }

    fn offsets(
        &self,
        of: Option<&[TopicPartition]>,
        offset: impl Fn(&Place) -> Option<i64>,
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let asked = self.places.iter().filter(|(partition, _)| of.is_none_or(|of| of.contains(partition)));
        let committed = |(partition, place): (&TopicPartition, &Place)| {
            let leader_epoch = Some(place.position_epoch).filter(|epoch| *epoch >= 0);
            let metadata =
                OffsetAndMetadata { offset: offset(place)?, leader_epoch, metadata: String::new() };
            Some((partition.clone(), metadata))
        };
        asked.filter_map(committed).collect()
    }

    /// Drops queued records of partitions that are gone or have moved.
    fn drop_void(&mut self) {
        let places = &mut self.places;
        let mut freed = 0;
        self.queue.retain(|item| {
            let Item::Event(Event::Fetched(fetched)) = item else { return true };
            let place = places.get_mut(&fetched.partition);
            if place.as_ref().is_some_and(|place| place.generation == fetched.generation) {
                return true;
            }
            freed += fetched.bytes.len();
            if let Some(place) = place {
                place.buffered -= fetched.bytes.len();
            }
            false
        });
        self.buffered -= freed;
    }
}

impl Place {
    fn new(missing: Missing, generation: u64) -> Self {
        Self {
            fetch_from: Err(missing),
            position: None,
            position_epoch: -1,
            processed: None,
            fetched_epoch: -1,
            validated_epoch: -1,
            paused: false,
            leaving: false,
            buffered: 0,
            generation,
            resolving: false,
            not_before: None,
            preferred: None,
            topic_id: Uuid::nil(),
            absent: false,
            high_watermark: None,
            heard: None,
            log_start: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn fetched(desk: &Desk, partition: &TopicPartition, from: i64, to: i64) -> Fetched {
        Fetched {
            partition: partition.clone(),
            topic_id: Uuid::nil(),
            bytes: Bytes::from(vec![0; 100]),
            offset: from,
            next_offset: to,
            high_watermark: to,
            log_start_offset: 0,
            leader_epoch: 3,
            aborted: [].into(),
            generation: desk.place(partition).unwrap().generation,
        }
    }

    #[test]
    fn a_seek_voids_what_was_fetched_before() {
        let partition = TopicPartition::new("t", 0);
        let mut desk = Desk::default();
        desk.add(std::slice::from_ref(&partition), Missing::Committed);
        desk.seek(&partition, Ok(0));
        let stale = fetched(&desk, &partition, 0, 5);
        desk.arrived(stale.clone());
        desk.seek(&partition, Ok(50));
        assert!(desk.take(usize::MAX).is_none());
        desk.arrived(stale);
        assert!(desk.take(usize::MAX).is_none(), "what was under way at the seek counts for nothing either");
        assert_eq!(desk.place(&partition).unwrap().fetch_from, Ok(50));
        assert_eq!(desk.buffered, 0);
    }

    #[test]
    fn paused_records_wait_and_others_pass() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut desk = Desk::default();
        desk.add(&[a.clone(), b.clone()], Missing::Reset);
        desk.arrived(fetched(&desk, &a, 0, 5));
        desk.arrived(fetched(&desk, &b, 0, 7));
        desk.place_mut(&a).unwrap().paused = true;
        let Some(Item::Event(Event::Fetched(first))) = desk.take(usize::MAX) else { panic!() };
        assert_eq!(first.partition, b);
        assert!(desk.take(usize::MAX).is_none());
        desk.place_mut(&a).unwrap().paused = false;
        assert!(desk.take(usize::MAX).is_some());
        assert_eq!(desk.place(&a).unwrap().position, Some(5));
    }

    #[test]
    fn what_waits_of_a_paused_partition_keeps_no_other_waiting() {
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut desk = Desk::default();
        desk.add(&[a.clone(), b.clone()], Missing::Reset);
        desk.arrived(fetched(&desk, &a, 0, 5));
        let wants = |desk: &Desk| desk.wants(desk.place(&b).unwrap(), usize::MAX, 1, Instant::now());
        assert!(!wants(&desk));
        desk.place_mut(&a).unwrap().paused = true;
        assert!(wants(&desk));
    }

    #[test]
    fn fetching_ahead_is_bounded_per_partition_and_in_all() {
        let partition = TopicPartition::new("t", 0);
        let mut desk = Desk::default();
        desk.add(std::slice::from_ref(&partition), Missing::Reset);
        let now = Instant::now();
        let wants = |desk: &Desk, each, all| desk.wants(desk.place(&partition).unwrap(), each, all, now);
        assert!(wants(&desk, 100, 1_000));
        desk.arrived(fetched(&desk, &partition, 0, 5));
        assert!(!wants(&desk, 100, 1_000));
        assert!(!wants(&desk, 1_000, 100));
        assert!(wants(&desk, 101, 1_000));
    }
}
