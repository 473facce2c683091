//! An incremental fetch session (KIP-227): the client names a partition once, and is told what is new.

use std::sync::Arc;

use indexmap::IndexMap;
use kafka_protocol::messages::FetchRequest;
use tokio::sync::Notify;

use crate::api::fetch::collect::{Collected, Limits, PartitionAnswer, TopicKey, Wanted};
use crate::log::Partition;
use crate::metadata::Metadata;
use crate::storage::Reach;

/// Partitions in one session; a client that wants more is served without a session.
pub(super) const MAX_SESSION_PARTITIONS: usize = 100_000;

/// What a session remembers of its client.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// The `session_epoch` that the next request must have.
    next_epoch: i32,
    /// Whether topics are named by id; a session cannot change that.
    by_id: bool,
    partitions: IndexMap<(TopicKey, i32), Remembered>,
    /// Where collecting begins: after the last partition that had its turn, so that none starves.
    first: usize,
    /// Until the first answer every partition is answered.
    is_new: bool,
}

#[derive(Debug)]
struct Remembered {
    wanted: Wanted,
    /// Looked for again as long as it is missing.
    partition: Option<Arc<Partition>>,
    /// What the client was told last.
    told: Told,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start_offset: i64,
}

impl Session {
    pub(super) fn new(id: i32, by_id: bool, wanted: &[(Wanted, Option<Arc<Partition>>)]) -> Self {
        let partitions = wanted.iter().cloned().map(Remembered::entry).collect();
        Self { id, next_epoch: 1, by_id, partitions, first: 0, is_new: true }
    }

    pub(super) fn id(&self) -> i32 {
        self.id
    }

    pub(super) fn is_by_id(&self) -> bool {
        self.by_id
    }

    /// Takes the turn of `epoch`. False if another one was due.
    pub(super) fn advance(&mut self, epoch: i32) -> bool {
        if epoch != self.next_epoch {
            return false;
        }
        // Epoch 0 asks for a new session, so that it is left out when the numbers wrap around.
        self.next_epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        true
    }

    pub(super) fn forget(&mut self, request: &FetchRequest) {
        for topic in &request.forgotten_topics_data {
            let key = if self.by_id {
                TopicKey::Id(topic.topic_id)
            } else {
                TopicKey::Name(topic.topic.as_str().into())
            };
            for &partition in &topic.partitions {
                self.partitions.swap_remove(&(key.clone(), partition));
            }
        }
    }

    /// Adds partitions or changes where they are read. False if they are more than a session holds.
    pub(super) fn update(&mut self, wanted: Vec<(Wanted, Option<Arc<Partition>>)>) -> bool {
        for entry in wanted {
            let told = self.partitions.get(&(entry.0.topic.clone(), entry.0.index)).map(|known| known.told);
            let (key, mut remembered) = Remembered::entry(entry);
            remembered.told = told.unwrap_or(remembered.told);
            self.partitions.insert(key, remembered);
        }
        self.partitions.len() <= MAX_SESSION_PARTITIONS
    }

    pub(super) fn collect(
        &mut self,
        metadata: &Metadata,
        limits: &Limits,
        reach: Reach,
        collected: &mut Collected,
    ) {
        let count = self.partitions.len();
        for step in 0..count {
            let at = (self.first + step) % count;
            let Some((_, remembered)) = self.partitions.get_index_mut(at) else { continue };
            remembered.find(metadata);
            collected.add(&remembered.wanted, remembered.partition.as_ref(), limits, reach);
        }
    }

    pub(super) fn notify_on_advance(&self, advanced: &Arc<Notify>) {
        for partition in self.partitions.values().filter_map(|remembered| remembered.partition.as_ref()) {
            partition.notify_on_advance(advanced);
        }
    }

    /// Keeps the answers that have records or say something new.
    pub(super) fn select(&mut self, collected: Collected) -> Vec<PartitionAnswer> {
        let everything = std::mem::take(&mut self.is_new);
        let mut answers = collected.answers;
        answers.retain(|answer| self.is_news(answer) || everything);
        answers
    }

    fn is_news(&mut self, answer: &PartitionAnswer) -> bool {
        let key = (answer.topic.clone(), answer.index);
        let Some((at, _, remembered)) = self.partitions.get_full_mut(&key) else { return false };
        if answer.error != 0 {
            // Told again when it is better.
            remembered.told = Told { high_watermark: -1, log_start_offset: -1 };
            return true;
        }
        let now = Told { high_watermark: answer.high_watermark, log_start_offset: answer.log_start_offset };
        let is_news = remembered.told != now || answer.diverging.is_some() || answer.len() > 0;
        remembered.told = now;
        if answer.len() > 0 {
            self.first = at + 1;
        }
        is_news
    }
}

impl Remembered {
    fn entry((wanted, partition): (Wanted, Option<Arc<Partition>>)) -> ((TopicKey, i32), Self) {
        let told = Told { high_watermark: -1, log_start_offset: -1 };
        ((wanted.topic.clone(), wanted.index), Self { wanted, partition, told })
    }

    /// Looks for a partition that was missing, or that was deleted and made anew under the same name.
    fn find(&mut self, metadata: &Metadata) {
        let is_gone = self.partition.as_ref().is_none_or(|partition| partition.is_deleted());
        if is_gone {
            self.partition = match &self.wanted.topic {
                TopicKey::Name(name) => metadata.partition(name, self.wanted.index),
                TopicKey::Id(id) => metadata.partition_by_id(*id, self.wanted.index),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_count_up_and_leave_zero_out() {
        let mut session = Session::new(7, false, &[]);
        assert!(session.advance(1) && session.advance(2));
        assert!(!session.advance(2), "a request that was sent twice");
        session.next_epoch = i32::MAX;
        assert!(session.advance(i32::MAX));
        assert_eq!(session.next_epoch, 1);
    }
}
