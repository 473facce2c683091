//! Administration.

use std::time::{Duration, Instant};

use millstream_client::{
    ConfigChange, ConfigResource, Consumer, ErrorCode, NewTopic, Offset, Producer, ProducerRecord,
    TopicPartition,
};

use crate::broker::{admin, bootstrap, create_topic, unique};

#[tokio::test]
async fn topics_are_created_described_grown_and_deleted() {
    let bootstrap = bootstrap().await;
    let admin = admin(&bootstrap).await;
    let name = unique("admin");
    let topic = NewTopic::new(&name, 2).config("cleanup.policy", "compact");
    let created = admin.create_topics([topic.clone(), NewTopic::new("bad name", 1)]).await.unwrap();
    assert_eq!(created.iter().find(|(topic, _)| *topic == name).unwrap().1.as_ref().unwrap().partitions, 2);
    let refused = created.iter().find(|(topic, _)| topic == "bad name").unwrap().1.as_ref().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidTopicException));
    let again = admin.create_topics([topic]).await.unwrap().remove(0).1.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::TopicAlreadyExists));

    assert!(admin.list_topics().await.unwrap().iter().any(|topic| *topic.name == *name));
    let described = admin.describe_topics([name.clone(), unique("missing")]).await.unwrap();
    assert_eq!(described[0].1.as_ref().unwrap().partitions.len(), 2);
    assert_eq!(described[1].1.as_ref().unwrap_err().code(), Some(ErrorCode::UnknownTopicOrPartition));

    let deleted = admin.delete_topics([name.clone()]).await.unwrap();
    assert!(deleted[0].1.is_ok());
    // Another broker's controller tells its brokers a little later.
    let deadline = Instant::now() + Duration::from_secs(20);
    while admin.describe_topics([name.clone()]).await.unwrap().remove(0).1.is_ok() {
        assert!(Instant::now() < deadline, "still there");
    }
}

#[tokio::test]
async fn configurations_are_read_and_changed() {
    let bootstrap = bootstrap().await;
    let admin = admin(&bootstrap).await;
    let topic = create_topic(&bootstrap, &unique("configs"), 1).await;
    let resource = ConfigResource::Topic(topic);
    let change = ConfigChange::Set("retention.ms".into(), "12345".into());
    let changed = admin.alter_configs([(resource.clone(), vec![change])]).await.unwrap();
    assert!(changed[0].1.is_ok(), "{changed:?}");
    // Another broker's controller tells its brokers a little later.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let configs = admin.describe_configs([resource.clone()]).await.unwrap().remove(0).1.unwrap();
        let retention = configs.iter().find(|entry| entry.name == "retention.ms").unwrap();
        if retention.value.as_deref() == Some("12345") {
            break;
        }
        assert!(Instant::now() < deadline, "still {retention:?}");
    }
    let wrong = ConfigChange::Set("retention.ms".into(), "soon".into());
    assert!(admin.alter_configs([(resource, vec![wrong])]).await.unwrap()[0].1.is_err());
}

#[tokio::test]
async fn the_cluster_is_described() {
    let bootstrap = bootstrap().await;
    let admin = admin(&bootstrap).await;
    let cluster = admin.describe_cluster().await.unwrap();
    assert_eq!(cluster.brokers.len(), 1);
    assert!(!cluster.id.is_empty());
}

#[tokio::test]
async fn records_are_cut_off_and_groups_administered() {
    let bootstrap = bootstrap().await;
    let admin = admin(&bootstrap).await;
    let topic = create_topic(&bootstrap, &unique("records"), 1).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    for n in 0..10 {
        producer.send(ProducerRecord::to(&topic).value(&n.to_string())).await.unwrap();
    }
    producer.close().await.unwrap();
    let cut = admin.delete_records([(partition.clone(), 4)]).await.unwrap().remove(0).1.unwrap();
    assert_eq!(cut, Offset(4));
    assert_eq!(admin.list_offsets([(partition.clone(), -2)]).await.unwrap()[&partition].unwrap().offset, 4);

    let group = unique("group");
    admin.alter_group_offsets(&group, [(partition.clone(), 6)]).await.unwrap();
    assert_eq!(admin.group_offsets(&group).await.unwrap()[&partition].offset, 6);
    let consumer = Consumer::builder().bootstrap(&bootstrap).group_id(&group).build().await.unwrap();
    assert_eq!(consumer.committed([partition.clone()]).await.unwrap()[&partition].offset, 6);
    assert!(admin.list_groups().await.unwrap().iter().any(|listed| listed.id == group));
    assert_eq!(admin.describe_groups([group.clone()]).await.remove(0).1.unwrap().state, "Empty");
    assert!(admin.delete_groups([group.clone()]).await.remove(0).1.is_ok());
    assert!(admin.group_offsets(&group).await.unwrap().is_empty());
}
