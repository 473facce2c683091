//! The shell over the real log, on storage that forgets what was not synced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_wire::ids::NodeId;

use super::{Commit, GroupCoordinator, OffsetsTopic};
use crate::config::Settings;
use crate::group::classic::{Join, JoinAnswer, Joined, Leaving, Protocol, Sender, Sync};
use crate::group::error::GroupError;
use crate::group::ids::{GroupId, MemberId};
use crate::log::{AppendOrigin, Logs, LogsOptions};
use crate::metadata::{Metadata, NewTopic};
use crate::storage::simulated::{Crash, SimulatedStorage};

/// One life of a broker, as far as groups need it.
struct Life {
    storage: SimulatedStorage,
    metadata: Arc<Metadata>,
    coordinator: Arc<GroupCoordinator>,
}

impl Life {
    async fn first() -> Self {
        let life = Self::begin(SimulatedStorage::new(1));
        life.metadata.create_topic(NewTopic::with_defaults("topic")).await.unwrap();
        life.serve().await;
        life
    }

    fn begin(storage: SimulatedStorage) -> Self {
        let logs = Logs::open(LogsOptions::new("/data", NodeId(1)), Arc::new(storage.clone())).unwrap();
        let values = BTreeMap::from([
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.min.session.timeout.ms", "1"),
            ("offsets.retention.minutes", "60"),
        ]);
        let settings = Settings::from_lookup(|name| values.get(name).copied()).unwrap();
        let metadata = Metadata::open(logs, &settings, BTreeMap::new()).unwrap();
        let coordinator = GroupCoordinator::new(metadata.clone(), &settings);
        Self { storage, metadata, coordinator }
    }

    async fn serve(&self) {
        tokio::spawn(self.coordinator.clone().run());
        while self.coordinator.list().is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// The power goes, and comes back.
    async fn next(self) -> Self {
        let life = self.end();
        life.serve().await;
        life
    }

    /// As `next`; the groups are not read back yet.
    fn end(self) -> Self {
        let Self { storage, metadata, coordinator } = self;
        drop((metadata, coordinator));
        storage.crash(Crash::Power);
        Self::begin(storage)
    }

    async fn join(&self, id: Option<MemberId>, session_timeout: u64) -> JoinAnswer {
        let protocol = Protocol { name: "range".into(), metadata: Bytes::from_static(b"subscription") };
        let join = Join {
            member_id: id,
            fresh_id: MemberId::fresh("client", None),
            instance_id: None,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout,
            rebalance_timeout: 60_000,
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            requires_known_id: true,
            may_skip_assignment: true,
            reason: None,
        };
        self.coordinator.join(&group(), join).await
    }

    /// The only member of a new generation.
    async fn join_alone(&self, session_timeout: u64) -> Joined {
        let JoinAnswer::Refused { error: GroupError::MemberIdRequired, member_id } =
            self.join(None, session_timeout).await
        else {
            panic!("an id is given first")
        };
        match self.join(member_id, session_timeout).await {
            JoinAnswer::Joined(joined) => joined,
            refused => panic!("{refused:?}"),
        }
    }

    async fn stable(&self, session_timeout: u64) -> Joined {
        let joined = self.join_alone(session_timeout).await;
        let assignments = vec![(joined.member_id.clone(), Bytes::from_static(b"assignment"))];
        let sync = Sync { sender: sender(&joined), protocol_type: None, protocol_name: None, assignments };
        let synced = self.coordinator.sync(&group(), sync).await.unwrap();
        assert_eq!(synced.assignment, "assignment");
        joined
    }

    async fn commit(&self, sender: &Sender, offset: i64) -> Result<(), GroupError> {
        let commit = Commit {
            topic: "topic".into(),
            topic_id: self.metadata.topic("topic").unwrap().id,
            partition: 0,
            offset,
            leader_epoch: 3,
            metadata: "note".into(),
            retention_ms: None,
        };
        self.coordinator.commit(&group(), sender, vec![commit]).await
    }

    async fn committed(&self) -> Option<i64> {
        let fetched =
            self.coordinator.committed(&group(), Some(vec![("topic".into(), vec![0])])).await.unwrap();
        fetched[0].1[0].1.as_ref().map(|committed| committed.offset)
    }
}

fn group() -> GroupId {
    "group".into()
}

fn sender(joined: &Joined) -> Sender {
    Sender { member_id: joined.member_id.clone(), instance_id: None, generation: joined.generation }
}

/// A consumer that assigns itself, or an operator.
fn nobody() -> Sender {
    Sender { member_id: "".into(), instance_id: None, generation: -1 }
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_answered() {
    let life = Life::first().await;
    let joined = life.stable(30_000).await;
    life.commit(&sender(&joined), 42).await.unwrap();
    let life = life.next().await;
    assert_eq!(life.committed().await, Some(42));
    assert_eq!(life.coordinator.heartbeat(&group(), &sender(&joined)), Ok(()));
    let description = life.coordinator.describe(&group()).unwrap();
    assert_eq!(
        (description.state, description.members[0].assignment.as_ref()),
        ("Stable", &b"assignment"[..])
    );
    assert_eq!(description.members[0].metadata, "subscription");
}

#[tokio::test]
async fn a_commit_whose_fsync_hangs_is_refused_in_time() {
    let life = Life::first().await;
    let joined = life.stable(30_000).await;
    life.storage.hold_sync(Some("__consumer_offsets"));
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let refused = life.commit(&sender(&joined), 42).await;
    assert_eq!(refused, Err(GroupError::CoordinatorNotAvailable));
    assert!(begun.elapsed() >= Duration::from_millis(5_000));
    tokio::time::resume();
    life.storage.hold_sync(None);
    life.commit(&sender(&joined), 43).await.unwrap();
    assert_eq!(life.committed().await, Some(43));
}

#[tokio::test]
async fn nothing_is_told_before_the_groups_are_read_back() {
    let life = Life::first().await;
    life.coordinator.ensure_topic().await.unwrap();
    let life = life.end();
    assert_eq!(life.coordinator.heartbeat(&group(), &nobody()), Err(GroupError::CoordinatorLoadInProgress));
    let fetched = life.coordinator.committed(&group(), None).await;
    assert_eq!(fetched.err(), Some(GroupError::CoordinatorLoadInProgress));
}

#[tokio::test]
async fn a_member_that_falls_silent_is_found_out() {
    let life = Life::first().await;
    life.stable(20).await;
    while life.coordinator.describe(&group()).unwrap().state != "Empty" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_member_that_leaves_is_gone_after_a_power_cut_too() {
    let life = Life::first().await;
    let joined = life.stable(30_000).await;
    let leaving = Leaving { member_id: Some(joined.member_id), instance_id: None, reason: None };
    assert_eq!(life.coordinator.leave(&group(), &[leaving]).await, Ok(vec![Ok(())]));
    let life = life.next().await;
    assert_eq!(life.coordinator.describe(&group()).unwrap().state, "Empty");
}

#[tokio::test]
async fn a_group_is_deleted_for_good() {
    let life = Life::first().await;
    let joined = life.stable(30_000).await;
    life.commit(&sender(&joined), 1).await.unwrap();
    assert_eq!(life.coordinator.delete(&group()).await, Err(GroupError::NonEmptyGroup));
    let leaving = Leaving { member_id: Some(joined.member_id), instance_id: None, reason: None };
    life.coordinator.leave(&group(), &[leaving]).await.unwrap()[0].unwrap();
    assert_eq!(life.coordinator.delete(&group()).await, Ok(()));
    assert_eq!(life.coordinator.delete(&group()).await, Err(GroupError::GroupIdNotFound));
    let life = life.next().await;
    assert_eq!(life.committed().await, None);
    assert!(life.coordinator.list().unwrap().is_empty());
}

#[tokio::test]
async fn who_is_no_member_commits_to_an_empty_group_alone() {
    let life = Life::first().await;
    assert_eq!(life.commit(&nobody(), 7).await, Ok(()));
    assert_eq!(life.committed().await, Some(7));
    life.stable(30_000).await;
    assert_eq!(life.commit(&nobody(), 8).await, Err(GroupError::UnknownMemberId));
    let stranger = Sender { generation: 5, ..nobody() };
    assert_eq!(
        life.coordinator.commit(&"other".into(), &stranger, Vec::new()).await,
        Err(GroupError::GroupIdNotFound)
    );
}

#[tokio::test]
async fn offsets_of_a_deleted_topic_are_gone() {
    let life = Life::first().await;
    life.commit(&nobody(), 7).await.unwrap();
    let id = life.metadata.topic("topic").unwrap().id;
    life.metadata.delete_topic(id).await.unwrap();
    life.metadata.create_topic(NewTopic::with_defaults("topic")).await.unwrap();
    assert_eq!(life.committed().await, None, "another topic of the same name");
    life.coordinator.topic_deleted("topic");
    assert_eq!(life.coordinator.committed(&group(), None).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn old_offsets_expire_and_the_group_with_them() {
    let life = Life::first().await;
    life.commit(&nobody(), 7).await.unwrap();
    let hour = 60 * 60 * 1000;
    life.coordinator.expire(life.coordinator.clock.now().wall_ms + hour - 60_000);
    assert_eq!(life.committed().await, Some(7));
    life.coordinator.expire(life.coordinator.clock.now().wall_ms + hour);
    assert!(life.coordinator.list().unwrap().is_empty());
    life.coordinator.topic.partition_of("group").unwrap().flush().unwrap();
    assert!(life.next().await.coordinator.list().unwrap().is_empty());
}

#[tokio::test]
async fn offsets_of_a_group_with_members_do_not_expire() {
    let life = Life::first().await;
    let joined = life.stable(30_000).await;
    life.commit(&sender(&joined), 7).await.unwrap();
    life.coordinator.expire(i64::MAX);
    assert_eq!(life.committed().await, Some(7), "what the member subscribes to cannot be told");
}

#[tokio::test]
async fn offsets_are_deleted_one_by_one() {
    let life = Life::first().await;
    life.commit(&nobody(), 7).await.unwrap();
    let keys = [("topic".into(), 0), ("topic".into(), 1)];
    assert_eq!(life.coordinator.delete_offsets(&group(), &keys).await, Ok(vec![Ok(()), Ok(())]));
    assert_eq!(life.committed().await, None);
    let missing = life.coordinator.delete_offsets(&"other".into(), &keys).await;
    assert_eq!(missing, Err(GroupError::GroupIdNotFound));
}

#[tokio::test]
async fn a_disk_that_fails_is_told() {
    let life = Life::first().await;
    life.coordinator.ensure_topic().await.unwrap();
    life.storage.break_sync(Some("__consumer_offsets"));
    assert_eq!(life.commit(&nobody(), 7).await, Err(GroupError::NotCoordinator));
    assert!(life.coordinator.committed(&group(), None).await.is_err(), "it was never durable");
}

#[tokio::test]
async fn a_commit_of_thousands_of_partitions_fits() {
    let life = Life::first().await;
    let id = life.metadata.topic("topic").unwrap().id;
    let commit = |partition| Commit {
        topic: "topic".into(),
        topic_id: id,
        partition,
        offset: 1,
        leader_epoch: -1,
        metadata: "x".repeat(200).into(),
        retention_ms: None,
    };
    let commits = (0..20_000).map(commit).collect();
    assert_eq!(life.coordinator.commit(&group(), &nobody(), commits).await, Ok(()));
    let life = life.next().await;
    let fetched = life.coordinator.committed(&group(), None).await.unwrap();
    assert_eq!(fetched[0].1.len(), 20_000);
}

#[tokio::test]
async fn a_storm_of_group_ids_leaves_no_groups() {
    let life = Life::first().await;
    for at in 0..100 {
        let sender = Sender { generation: 1, ..nobody() };
        let _ = life.coordinator.heartbeat(&format!("g{at}").as_str().into(), &sender);
        let _ = life.coordinator.committed(&format!("g{at}").as_str().into(), None).await;
    }
    life.join(None, 20).await;
    assert_eq!(life.coordinator.list().unwrap().len(), 1, "an id is out");
    while !life.coordinator.list().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// A group and an offset as Apache Kafka 4.3.1 wrote them (see `millstream_wire::internal::offsets`), and a
/// record of a kind of group that is not served here.
#[tokio::test]
async fn what_kafka_wrote_is_read() {
    use millstream_wire::batch::{BatchWriter, NO_HEADERS};
    use millstream_wire::compression::Compression;

    let life = Life::first().await;
    life.coordinator.ensure_topic().await.unwrap();
    let mut writer = BatchWriter::new(Compression::None, None);
    let mut put = |key: &[u8], value: &[u8]| writer.append(1, Some(key), Some(value), NO_HEADERS);
    put(
        b"\x00\x02\x00\x05group",
        b"\x00\x03\x00\x08consumer\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x01\xa2\x01\xc6\x4a\xbc\x00\x00\x00\x00",
    );
    put(
        b"\x00\x01\x00\x05group\x00\x05topic\x00\x00\x00\x00",
        b"\x00\x04\x00\x00\x00\x00\x00\x00\x00\x09\xff\xff\xff\xff\x07a note\x00\x00\x01\xa2\x01\xc6\x4a\xaf\x00",
    );
    put(b"\x00\x03\x00\x05other", b"\x00\x00");
    let partition = OffsetsTopic::partition_of(&life.coordinator.topic, "group").unwrap();
    partition.append(writer.finish().unwrap(), AppendOrigin::Coordinator, 1).unwrap();
    partition.flush().unwrap();
    let life = life.next().await;
    assert_eq!(life.committed().await, Some(9));
    let listed = life.coordinator.list().unwrap();
    assert_eq!(
        (listed.len(), listed[0].state, listed[0].protocol_type.as_deref()),
        (1, "Empty", Some("consumer"))
    );
}
