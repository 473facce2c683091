//! The snapshot, put together from what the parts of a broker know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    BrokerMetrics, DiskMetrics, GROUP_OFFSETS_TOLD_MAX, GROUPS_TOLD_MAX, GroupMetrics, GroupOffset, LeftOut,
    PARTITIONS_TOLD_MAX, PartitionMetrics, TOPICS_TOLD_MAX, TopicMetrics,
};
use crate::api::Shared;
use crate::group::{GroupLook, GroupLooks};
use crate::log::Partition;
use crate::metadata::{Metadata, Topic};

/// How long all groups together are waited for. A group is locked while its record is written, which a disk may hold up.
const GROUPS_PATIENCE: Duration = Duration::from_millis(100);

impl BrokerMetrics {
    /// As things are now.
    pub(super) fn of(shared: &Shared) -> Self {
        let partitions = shared.logs.partitions();
        let mut left_out = LeftOut::default();
        let topics = topics(&shared.metadata.topics(), &mut left_out);
        let looks =
            shared.groups.look(GROUPS_TOLD_MAX, GROUP_OFFSETS_TOLD_MAX, Instant::now() + GROUPS_PATIENCE);
        let GroupLooks { groups, by_state, unseen, unseen_offsets } = looks;
        (left_out.groups, left_out.group_offsets) = (unseen, unseen_offsets);
        let (directory, space) = shared.logs.place();
        Self {
            node_id: shared.settings.node_id,
            cluster_id: shared.logs.cluster_id().to_owned(),
            started_ms: shared.counters.started_ms,
            requests: shared.counters.requests(),
            connections: shared.admission.metrics(shared.counters.endings()),
            fetch_sessions: shared.fetch_sessions.open(),
            flushes: shared.logs.flushes(),
            partitions: partitions.len(),
            partitions_offline: partitions.iter().filter(|partition| partition.is_offline()).count(),
            disk: space.map(|space| DiskMetrics { directory, total: space.total, usable: space.usable }),
            topics,
            groups_by_state: by_state,
            groups: groups.into_iter().map(|group| told(group, &shared.metadata)).collect(),
            left_out,
        }
    }
}

fn topics(topics: &[Arc<Topic>], left_out: &mut LeftOut) -> Vec<TopicMetrics> {
    left_out.topics = topics.len().saturating_sub(TOPICS_TOLD_MAX);
    let mut room = PARTITIONS_TOLD_MAX;
    let mut told: Vec<TopicMetrics> =
        topics.iter().take(TOPICS_TOLD_MAX).map(|topic| summed(topic)).collect();
    // Offline ones first: they are what is looked for.
    for offline in [true, false] {
        for (topic, told) in topics.iter().zip(&mut told) {
            let numbered =
                (0..).zip(&topic.partitions).filter(|(_, partition)| partition.is_offline() == offline);
            let before = told.partitions.len();
            told.partitions
                .extend(numbered.clone().take(room).map(|(number, partition)| one(number, partition)));
            let taken = told.partitions.len() - before;
            room -= taken;
            left_out.partitions += numbered.count().saturating_sub(taken);
        }
    }
    told.iter_mut().for_each(|told| told.partitions.sort_by_key(|partition| partition.partition));
    told
}

fn summed(topic: &Topic) -> TopicMetrics {
    let mut told = TopicMetrics {
        topic: Arc::clone(&topic.name),
        bytes_in: 0,
        records_in: 0,
        bytes_out: 0,
        partitions: Vec::new(),
    };
    for traffic in topic.partitions.iter().map(|partition| partition.traffic()) {
        told.bytes_in += traffic.bytes_in();
        told.records_in += traffic.records_in();
        told.bytes_out += traffic.bytes_out();
    }
    told
}

fn one(number: i32, partition: &Partition) -> PartitionMetrics {
    PartitionMetrics {
        partition: number,
        size: partition.recent_size(),
        start_offset: partition.log_start_offset().0,
        high_watermark: partition.high_watermark().0,
        end_offset: partition.log_end_offset().0,
        is_offline: partition.is_offline(),
    }
}

fn told(look: GroupLook, metadata: &Metadata) -> GroupMetrics {
    let lag = |topic: &str, partition, committed| {
        let end = metadata.partition(topic, partition)?.high_watermark().0;
        Some(u64::try_from(end - committed).unwrap_or(0))
    };
    let offsets = look.offsets.into_iter().map(|(topic, partition, committed)| GroupOffset {
        lag: lag(&topic, partition, committed),
        topic,
        partition,
        committed,
    });
    GroupMetrics {
        group: look.id.to_string(),
        state: look.state,
        members: look.members,
        offsets: offsets.collect(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use millstream_wire::batch::{BatchWriter, NO_HEADERS};
    use millstream_wire::compression::Compression;

    use super::*;
    use crate::log::AppendOrigin;
    use crate::metadata::{NewTopic, Partitions};
    use crate::storage::simulated::SimulatedStorage;

    const NOW: i64 = 1_700_000_000_000;

    fn batch() -> Bytes {
        let mut writer = BatchWriter::new(Compression::None, None);
        writer.append(NOW, None, Some(b"x"), NO_HEADERS);
        writer.finish().unwrap()
    }

    async fn partition(shared: &Arc<Shared>, topic: &str) -> Arc<Partition> {
        shared.metadata.create_topic(NewTopic::with_defaults(topic)).await.unwrap();
        let partition = shared.metadata.partition(topic, 0).unwrap();
        partition.append(batch(), AppendOrigin::Client, NOW).unwrap();
        partition
    }

    #[tokio::test]
    async fn a_partition_that_the_storage_fails_is_told_by_name() {
        let disk = SimulatedStorage::new(1);
        let shared = Shared::simulated(&disk);
        for topic in ["works", "breaks"] {
            partition(&shared, topic).await;
        }
        assert_eq!(BrokerMetrics::of(&shared).partitions_offline, 0);
        disk.break_sync(Some("/breaks-0/"));
        let broken = shared.metadata.partition("breaks", 0).unwrap();
        broken.append(batch(), AppendOrigin::Client, NOW).unwrap();
        assert!(broken.flush().is_err() || broken.is_offline());
        let metrics = BrokerMetrics::of(&shared);
        assert_eq!(metrics.partitions_offline, 1);
        let page = metrics.to_prometheus();
        assert!(page.contains("partition_offline{topic=\"breaks\",partition=\"0\"} 1\n"), "{page}");
        assert_eq!(page.matches("partition_offline{").count(), 1, "{page}");
    }

    #[tokio::test]
    async fn a_log_that_is_held_up_holds_up_nobody_who_asks() {
        let shared = Shared::simulated(&SimulatedStorage::new(1));
        let partition = partition(&shared, "a").await;
        let size = |metrics: &BrokerMetrics| metrics.topics[0].partitions[0].size;
        let before = batch().len() as u64;
        // The flusher may be at it.
        while size(&BrokerMetrics::of(&shared)) != before {
            std::thread::yield_now();
        }
        partition.append(batch(), AppendOrigin::Client, NOW).unwrap();
        let told = partition.while_locked(|| BrokerMetrics::of(&shared));
        assert_eq!(size(&told), before, "as it was when it could be asked");
    }

    #[tokio::test]
    async fn what_is_beyond_the_bounds_is_counted() {
        let disk = SimulatedStorage::new(1);
        let shared = Shared::simulated(&disk);
        let (many, more) = (6_000, 4_005);
        for (name, partitions) in [("a", many), ("b", more)] {
            let topic =
                NewTopic { partitions: Partitions::Count(partitions), ..NewTopic::with_defaults(name) };
            shared.metadata.create_topic(topic).await.unwrap();
        }
        let last = shared.metadata.partition("b", more - 1).unwrap();
        last.read_failed(&std::io::Error::other("worn out"));
        let metrics = BrokerMetrics::of(&shared);
        let told = |topic: usize| &metrics.topics[topic].partitions;
        assert_eq!((told(0).len() + told(1).len(), metrics.left_out.partitions), (PARTITIONS_TOLD_MAX, 5));
        assert!(
            told(1).last().is_some_and(|told| told.partition == more - 1 && told.is_offline),
            "it comes first"
        );
        assert_eq!(metrics.partitions, (many + more) as usize + 1, "and that of the metadata");
    }
}
