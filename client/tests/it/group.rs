//! Groups: members share, take over, and commit before they let go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_client::{
    Assignment, Assignor, Consumer, CooperativeSticky, Event, Members, OffsetReset, Producer, ProducerRecord,
    Range, Result, TopicPartition, TopicSizes,
};

use crate::broker::{admin, bootstrap, create_topic, unique};

const WAIT: Duration = Duration::from_secs(30);

async fn member(bootstrap: &str, group: &str, assignor: Arc<dyn Assignor>, topic: &str) -> Consumer {
    member_of(bootstrap, group, vec![assignor], topic).await
}

async fn member_of(bootstrap: &str, group: &str, assignors: Vec<Arc<dyn Assignor>>, topic: &str) -> Consumer {
    let consumer = Consumer::builder()
        .bootstrap(bootstrap)
        .group_id(group)
        .session_timeout(Duration::from_secs(6))
        .set("heartbeat.interval.ms", "500")
        .unwrap()
        .auto_offset_reset(OffsetReset::Earliest)
        .assignors(assignors)
        .build()
        .await
        .unwrap();
    consumer.subscribe([topic.to_owned()]).unwrap();
    consumer
}

/// Polls all members in turn until their partitions are as wanted.
async fn until(members: &mut [Consumer], wanted: impl Fn(&[BTreeSet<i32>]) -> bool) {
    let deadline = Instant::now() + WAIT;
    loop {
        for member in members.iter_mut() {
            let _ = member.poll(Duration::from_millis(20)).await.unwrap();
        }
        let held: Vec<BTreeSet<i32>> = members
            .iter()
            .map(|member| member.assignment().into_iter().map(|partition| partition.partition).collect())
            .collect();
        if wanted(&held) {
            return;
        }
        assert!(Instant::now() < deadline, "still {held:?}");
    }
}

fn shared_fairly(held: &[BTreeSet<i32>]) -> bool {
    let all: BTreeSet<i32> = held.iter().flatten().copied().collect();
    let sum: usize = held.iter().map(BTreeSet::len).sum();
    all.len() == 4 && sum == 4 && held.iter().all(|own| own.len() == 4 / held.len())
}

async fn two_members_share_and_one_takes_over(assignor: Arc<dyn Assignor>) {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("share"), 4).await;
    let group = unique("group");
    let mut members = vec![member(&bootstrap, &group, Arc::clone(&assignor), &topic).await];
    until(&mut members, shared_fairly).await;
    members.push(member(&bootstrap, &group, assignor, &topic).await);
    until(&mut members, shared_fairly).await;
    members.remove(0).close().await.unwrap();
    until(&mut members, shared_fairly).await;
    members[0].unsubscribe().unwrap();
    until(&mut members, |held| held[0].is_empty()).await;
    members[0].subscribe([topic]).unwrap();
    until(&mut members, shared_fairly).await;
}

#[tokio::test]
async fn range_members_share() {
    two_members_share_and_one_takes_over(Arc::new(Range)).await;
}

#[tokio::test]
async fn cooperative_members_share() {
    two_members_share_and_one_takes_over(Arc::new(CooperativeSticky)).await;
}

/// The way to upgrade a group (KIP-429): members that still revoke everything among members that do not.
#[tokio::test]
async fn eager_and_cooperative_members_share_in_a_rolling_upgrade() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("upgrade"), 4).await;
    let group = unique("group");
    let old = || -> Vec<Arc<dyn Assignor>> { vec![Arc::new(Range), Arc::new(CooperativeSticky)] };
    let new = || -> Vec<Arc<dyn Assignor>> { vec![Arc::new(CooperativeSticky)] };
    let mut members = Vec::new();
    for _ in 0..2 {
        members.push(member_of(&bootstrap, &group, old(), &topic).await);
        until(&mut members, shared_fairly).await;
    }
    let admin = admin(&bootstrap).await;
    let assignor = async || admin.describe_groups([group.clone()]).await.remove(0).1.unwrap().assignor;
    assert_eq!(assignor().await, "range");
    for _ in 0..2 {
        members.remove(0).close().await.unwrap();
        members.push(member_of(&bootstrap, &group, new(), &topic).await);
        until(&mut members, shared_fairly).await;
        assert_eq!(assignor().await, "cooperative-sticky");
    }
}

/// Heartbeats go on while the program is busy with its records.
#[tokio::test]
async fn a_slow_program_keeps_its_partitions_beyond_the_session_timeout() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("busy"), 1).await;
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(unique("group"));
    let config = config.session_timeout(Duration::from_secs(6)).set("heartbeat.interval.ms", "500").unwrap();
    let mut consumer = config.build().await.unwrap();
    consumer.subscribe([topic]).unwrap();
    assert!(matches!(consumer.poll(WAIT).await.unwrap(), Some(Event::Assigned(_))));
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(consumer.poll(Duration::from_millis(500)).await.unwrap().is_none(), "nothing was lost");
    assert_eq!(consumer.assignment().len(), 1);
    consumer.commit().await.unwrap();
}

#[tokio::test]
async fn a_commit_before_the_revocation_is_where_the_next_owner_begins() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("handover"), 1).await;
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    for n in 0..10 {
        producer.send(ProducerRecord::to(&topic).value(&n.to_string())).await.unwrap();
    }
    producer.flush().await.unwrap();
    let group = unique("group");
    let mut first = Consumer::builder()
        .bootstrap(&bootstrap)
        .group_id(&group)
        .auto_commit(false)
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .await
        .unwrap();
    first.subscribe([topic.clone()]).unwrap();
    let partition = TopicPartition::new(topic.as_str(), 0);
    loop {
        match first.poll(WAIT).await.unwrap().expect("records") {
            Event::Fetched(_) => break,
            event => drop(event),
        }
    }
    first.commit_offsets([(partition.clone(), 7)]).await.unwrap();
    let committed = first.committed([partition.clone()]).await.unwrap();
    assert_eq!(committed[&partition].offset, 7);
    first.close().await.unwrap();

    let mut second = member(&bootstrap, &group, Arc::new(Range), &topic).await;
    loop {
        if let Event::Fetched(fetched) = second.poll(WAIT).await.unwrap().expect("records") {
            assert_eq!(fetched.offset, 7);
            break;
        }
    }
    second.close().await.unwrap();
}

#[tokio::test]
async fn an_automatic_commit_covers_what_was_dealt_with() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("auto"), 1).await;
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    producer.send(ProducerRecord::to(&topic).value("x")).await.unwrap().await.unwrap();
    let group = unique("group");
    let mut consumer = member(&bootstrap, &group, Arc::new(Range), &topic).await;
    loop {
        if let Event::Fetched(_) = consumer.poll(WAIT).await.unwrap().expect("records") {
            break;
        }
    }
    consumer.close().await.unwrap();
    let observer = Consumer::builder().bootstrap(&bootstrap).group_id(&group).build().await.unwrap();
    let partition = TopicPartition::new(topic.as_str(), 0);
    assert_eq!(observer.committed([partition.clone()]).await.unwrap()[&partition].offset, 1);
}

/// An assignor of the program's own, whose user data makes the round.
#[derive(Debug, Default)]
struct Marked {
    seen: Mutex<Vec<Bytes>>,
}

impl Assignor for Marked {
    fn name(&self) -> &str {
        "marked"
    }

    fn user_data(&self, topics: &[Arc<str>], _owned: &[TopicPartition]) -> Option<Bytes> {
        Some(format!("reads {}", topics.len()).into())
    }

    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>> {
        let mut assigned = Range.assign(topics, members)?;
        for (id, assignment) in &mut assigned {
            assignment.user_data = members[id].user_data.clone();
        }
        Ok(assigned)
    }

    fn on_assignment(&self, assignment: &Assignment, _generation: i32) {
        self.seen.lock().unwrap().extend(assignment.user_data.clone());
    }
}

#[tokio::test]
async fn user_data_of_an_own_assignor_travels() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("marked"), 4).await;
    let assignor = Arc::new(Marked::default());
    let shared: Arc<dyn Assignor> = assignor.clone();
    let mut members = vec![member(&bootstrap, &unique("group"), shared, &topic).await];
    until(&mut members, shared_fairly).await;
    assert_eq!(assignor.seen.lock().unwrap()[0], "reads 1");
}

#[tokio::test]
async fn a_program_that_does_not_poll_loses_its_partitions_and_gets_them_back() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("slow"), 1).await;
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(unique("group"));
    let config = config.set("max.poll.interval.ms", "1500").unwrap();
    let mut consumer = config.build().await.unwrap();
    consumer.subscribe([topic]).unwrap();
    assert!(matches!(consumer.poll(WAIT).await.unwrap(), Some(Event::Assigned(given)) if given.len() == 1));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(matches!(consumer.poll(WAIT).await.unwrap(), Some(Event::Lost(gone)) if gone.len() == 1));
    assert!(matches!(consumer.poll(WAIT).await.unwrap(), Some(Event::Assigned(given)) if given.len() == 1));
}

#[tokio::test]
async fn a_static_member_keeps_its_place_and_fences_its_double() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("static"), 1).await;
    let group = unique("group");
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(&group).group_instance_id("one");
    let config = config.set("heartbeat.interval.ms", "300").unwrap();
    let mut first = config.clone().build().await.unwrap();
    first.subscribe([topic.clone()]).unwrap();
    assert!(matches!(first.poll(WAIT).await.unwrap(), Some(Event::Assigned(_))));
    let mut second = config.clone().build().await.unwrap();
    second.subscribe([topic.clone()]).unwrap();
    assert!(matches!(second.poll(WAIT).await.unwrap(), Some(Event::Assigned(given)) if given.len() == 1));
    assert!(matches!(first.poll(WAIT).await.unwrap(), Some(Event::Lost(_))));
    let error = first.poll(WAIT).await.unwrap_err();
    assert!(error.is_fenced(), "{error}");

    let admin = admin(&bootstrap).await;
    second.close().await.unwrap();
    let members = admin.describe_groups([group.clone()]).await.remove(0).1.unwrap().members;
    assert_eq!(members.len(), 1, "a static member keeps its place");
    let mut third = config.build().await.unwrap();
    third.subscribe([topic]).unwrap();
    assert!(matches!(third.poll(WAIT).await.unwrap(), Some(Event::Assigned(given)) if given.len() == 1));
    third.close_leaving().await.unwrap();
    let members = admin.describe_groups([group]).await.remove(0).1.unwrap().members;
    assert!(members.is_empty(), "{members:?}");
}

/// The group knows a static member from its first request on; the member hears its id when all have joined.
#[tokio::test]
async fn a_static_member_that_has_not_heard_its_id_leaves_by_its_name() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("unnamed"), 2).await;
    let group = unique("group");
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(&group);
    // Late to hear of the other.
    let mut first = config.clone().set("heartbeat.interval.ms", "10000").unwrap().build().await.unwrap();
    first.subscribe([topic.clone()]).unwrap();
    assert!(matches!(first.poll(WAIT).await.unwrap(), Some(Event::Assigned(_))));
    let mut second = config.group_instance_id("two").build().await.unwrap();
    second.subscribe([topic]).unwrap();
    let admin = admin(&bootstrap).await;
    let members = async || admin.describe_groups([group.clone()]).await.remove(0).1.unwrap().members.len();
    while members().await < 2 {
        assert!(second.poll(Duration::from_millis(20)).await.unwrap().is_none());
    }
    second.close_leaving().await.unwrap();
    assert_eq!(members().await, 1);
}

#[tokio::test]
async fn a_pattern_finds_topics_that_come_later() {
    let bootstrap = bootstrap().await;
    let prefix = unique("pattern");
    create_topic(&bootstrap, &format!("{prefix}-a"), 1).await;
    create_topic(&bootstrap, &format!("{prefix}-aa"), 1).await;
    create_topic(&bootstrap, &format!("not-{prefix}-a"), 1).await;
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(unique("group"));
    let config = config.set("metadata.max.age.ms", "300").unwrap();
    let mut consumer = config.build().await.unwrap();
    let error = consumer.subscribe_pattern("(").unwrap_err();
    assert!(error.to_string().contains("no pattern of topics"), "{error}");
    // The internal topic is there, as somebody commits, and is left out all the same.
    consumer.subscribe_pattern(&format!("{prefix}-[ab]|__consumer_.*")).unwrap();
    let deadline = Instant::now() + WAIT;
    let mut created = false;
    let names = |consumer: &Consumer| -> BTreeSet<String> {
        consumer.assignment().into_iter().map(|partition| partition.topic.to_string()).collect()
    };
    while names(&consumer).len() < 2 {
        let _ = consumer.poll(Duration::from_millis(100)).await.unwrap();
        if !created && names(&consumer).len() == 1 {
            create_topic(&bootstrap, &format!("{prefix}-b"), 1).await;
            created = true;
        }
        assert!(Instant::now() < deadline);
    }
    assert_eq!(names(&consumer), BTreeSet::from([format!("{prefix}-a"), format!("{prefix}-b")]));
}

#[tokio::test]
async fn a_predicate_chooses_topics_and_internal_ones_only_if_asked() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("chosen"), 1).await;
    let group = unique("group");
    // Makes sure that there is an internal topic.
    admin(&bootstrap)
        .await
        .alter_group_offsets(&group, [(TopicPartition::new(topic.as_str(), 0), 0)])
        .await
        .unwrap();
    let config = Consumer::builder().bootstrap(&bootstrap).group_id(&group);
    let config = config.set("exclude.internal.topics", "false").unwrap();
    let mut consumer = config.build().await.unwrap();
    consumer.subscribe_matching(|topic| topic == "__consumer_offsets").unwrap();
    let given = consumer.poll(WAIT).await.unwrap();
    assert!(matches!(given, Some(Event::Assigned(given)) if !given.is_empty()));
}
