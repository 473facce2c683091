//! The partitions that the records of a transaction are of, and how far each is.

use std::collections::HashMap;
use std::sync::Arc;

use millstream_client::TopicPartition;
use uuid::Uuid;

use super::offsets::Next;
use crate::{Assigned, Origin, Outcome, Record};

/// The partitions of the records of a transaction.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// Which each record is of; `None`: nobody knows where it was read.
    of: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Place {
    assigned: Assigned,
    /// What the database keeps: below it everything is written.
    kept: i64,
    /// What it shall keep.
    next: i64,
    /// The record that was refused: what follows waits, so that no offset beyond it is kept before it is a dead letter.
    stopped: Option<usize>,
}

impl Places {
    /// `ids`: which topics the partitions are of, as the runtime has told.
    pub(super) fn of(records: &[&Record], ids: &HashMap<TopicPartition, Uuid>) -> Self {
        let mut places = Self { all: Vec::new(), of: Vec::with_capacity(records.len()) };
        let mut known: HashMap<(Arc<str>, i32), usize> = HashMap::new();
        let mut last: Option<(&Origin, usize)> = None;
        for record in records {
            let Some(origin) = &record.origin else {
                places.of.push(None);
                continue;
            };
            let same =
                |last: &Origin| last.partition == origin.partition && Arc::ptr_eq(&last.topic, &origin.topic);
            let at = match last {
                Some((last, at)) if same(last) => at,
                _ => *known.entry((Arc::clone(&origin.topic), origin.partition)).or_insert_with(|| {
                    let partition = TopicPartition::new(Arc::clone(&origin.topic), origin.partition);
                    let topic_id = ids.get(&partition).copied().unwrap_or_default();
                    let assigned = Assigned { partition, topic_id };
                    places.all.push(Place { assigned, kept: 0, next: 0, stopped: None });
                    places.all.len() - 1
                }),
            };
            last = Some((origin, at));
            places.of.push(Some(at));
        }
        places
    }

    pub(super) fn assigned(&self) -> Vec<Assigned> {
        self.all.iter().map(|place| place.assigned.clone()).collect()
    }

    /// What the database keeps.
    pub(super) fn know(&mut self, kept: &Next) {
        for place in &mut self.all {
            place.kept = kept.get(&place.assigned.partition).copied().unwrap_or_default();
            place.next = place.kept;
        }
    }

    /// Whether a record is below the offset that was kept with its row.
    pub(super) fn is_written(&self, at: usize, record: &Record) -> bool {
        let Some(place) = self.place(at) else { return false };
        record.origin.as_ref().is_some_and(|origin| origin.offset < place.kept)
    }

    /// Whether a record must wait for one before it.
    pub(super) fn is_stopped(&self, at: usize) -> bool {
        self.place(at).and_then(|place| place.stopped).is_some_and(|stopped| stopped < at)
    }

    /// A record is refused.
    pub(super) fn stop(&mut self, at: usize, why: String) -> Outcome {
        if let Some(place) = self.of[at].and_then(|of| self.all.get_mut(of)) {
            place.stopped = Some(at);
        }
        Outcome::Reject { why }
    }

    /// A record is written, if the transaction is.
    pub(super) fn written(&mut self, at: usize, record: &Record) {
        let place = self.of[at].and_then(|at| self.all.get_mut(at));
        if let (Some(place), Some(origin)) = (place, &record.origin) {
            place.next = origin.offset + 1;
        }
    }

    /// What is to be kept anew.
    pub(super) fn moved(&self) -> Vec<(Assigned, i64)> {
        let moved = self.all.iter().filter(|place| place.next != place.kept);
        moved.map(|place| (place.assigned.clone(), place.next)).collect()
    }

    fn place(&self, at: usize) -> Option<&Place> {
        self.all.get(self.of[at]?)
    }
}
