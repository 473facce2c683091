//! Sinks that keep offsets themselves, and somebody who deletes their topic or moves their offsets.

use std::path::Path;

use std::time::Duration;

use millstream_client::{Consumer, NewTopic, TopicPartition};
use millstream_connect::herder::{ConnectorOffsets, HerderError, Worker};
use serde_json::json;

use super::broker::{admin, append, bootstrap, committed, topic_of, unique};
use super::worker::{OneTask, eventually, position_file};

async fn start(name: &str, topic: &str, file: &Path) -> OneTask {
    let pairs = [("connector.class", "file-sink"), ("topics", topic), ("file", file.to_str().unwrap())];
    OneTask::start(name, &pairs, position_file(&tempfile::tempdir().unwrap())).await
}

fn numbered(what: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{what} {number}")).collect()
}

async fn anew(topic: &str) {
    for (_, deleted) in admin().await.delete_topics([topic]).await.unwrap() {
        deleted.unwrap();
    }
    // Unless the sink, which still asks for it, was quicker: a broker makes what is asked for.
    admin().await.create_topics([NewTopic::new(topic, 1)]).await.unwrap();
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_topic_that_is_made_anew_is_read_from_its_start_while_the_sink_runs_and_while_it_rests() {
    let (dir, name) = (tempfile::tempdir().unwrap(), unique("kept"));
    let file = dir.path().join("out");
    let topic = topic_of("kept", 1, numbered("old", 10)).await;
    let group = format!("connect-{name}");
    let task = start(&name, &topic, &file).await;
    eventually("the old lines", async || committed(&group).await == 10).await;

    anew(&topic).await;
    append(&topic, 1, numbered("new", 4)).await;
    eventually("the new lines", async || lines(&file).len() == 14 && committed(&group).await == 4).await;
    task.runner.stop(&task.id).await;

    anew(&topic).await;
    append(&topic, 1, numbered("newest", 2)).await;
    let task = start(&name, &topic, &file).await;
    eventually("the newest lines", async || lines(&file).len() == 16 && committed(&group).await == 2).await;
    task.runner.stop(&task.id).await;
    assert_eq!(lines(&file), [numbered("old", 10), numbered("new", 4), numbered("newest", 2)].concat());
}

fn offsets(topic: &str, partition: u32, offset: u32) -> ConnectorOffsets {
    let partition = json!({"kafka_topic": topic, "kafka_partition": partition});
    serde_json::from_value(json!({"offsets": [{"partition": partition, "offset": {"kafka_offset": offset}}]}))
        .unwrap()
}

#[tokio::test]
async fn offsets_that_are_moved_or_reset_count_more_than_what_the_sink_keeps() {
    let (dir, name) = (tempfile::tempdir().unwrap(), unique("kept"));
    let file = dir.path().join("out");
    let topic = topic_of("kept", 1, numbered("text", 10)).await;
    let group = format!("connect-{name}");
    let task = start(&name, &topic, &file).await;
    eventually("the lines", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;

    let alter = |offsets| task.runner.alter_offsets(&name, &task.start.connector, offsets);
    let error = alter(offsets("nowhere", 0, 7)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no topic nowhere");
    let error = alter(offsets(&topic, 1, 7)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("topic {topic} has no partition 1, but 1, from 0 on"));
    alter(offsets(&topic, 0, 7)).await.unwrap();
    let task = start(&name, &topic, &file).await;
    eventually("those from 7", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;
    let mut expected = numbered("text", 10);
    expected.extend_from_within(7..);
    assert_eq!(lines(&file), expected);

    task.runner.reset_offsets(&name, &task.start.connector).await.unwrap();
    assert_eq!(committed(&group).await, 0);
    let task = start(&name, &topic, &file).await;
    eventually("all of them", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;
    expected.extend(numbered("text", 10));
    assert_eq!(lines(&file), expected);
}

#[tokio::test]
async fn what_the_group_has_passed_is_not_read_again_for_a_sink_that_keeps_less() {
    let (dir, name) = (tempfile::tempdir().unwrap(), unique("kept"));
    let file = dir.path().join("out");
    let topic = topic_of("kept", 1, numbered("text", 10)).await;
    let group = format!("connect-{name}");
    let task = start(&name, &topic, &file).await;
    eventually("the lines", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;

    // As after dead letters, or lines that a filter drops: the group is further than the sink.
    append(&topic, 1, numbered("passed", 3)).await;
    admin().await.alter_group_offsets(&group, [(TopicPartition::new(&*topic, 0), 13)]).await.unwrap();
    append(&topic, 1, numbered("more", 2)).await;
    let task = start(&name, &topic, &file).await;
    eventually("the rest", async || committed(&group).await == 15).await;
    task.runner.stop(&task.id).await;
    assert_eq!(lines(&file), [numbered("text", 10), numbered("more", 2)].concat());
}

/// A member that nobody knows of: a group that has one is moved by nobody else.
async fn member(group: &str, topic: &str) -> Consumer {
    let builder = Consumer::builder().bootstrap(&bootstrap().await).group_id(group).auto_commit(false);
    let mut consumer = builder.build().await.unwrap();
    consumer.subscribe([topic]).unwrap();
    while consumer.position(&TopicPartition::new(topic, 0)).is_none() {
        consumer.poll(Duration::from_millis(100)).await.unwrap();
    }
    consumer
}

#[tokio::test]
async fn a_group_that_cannot_be_moved_leaves_what_the_sink_keeps() {
    let (dir, name) = (tempfile::tempdir().unwrap(), unique("kept"));
    let file = dir.path().join("out");
    let topic = topic_of("kept", 1, numbered("text", 10)).await;
    let group = format!("connect-{name}");
    let task = start(&name, &topic, &file).await;
    eventually("the lines", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;

    // As after a crash between the sink's flush and the commit: the group is behind the sink.
    admin().await.alter_group_offsets(&group, [(TopicPartition::new(&*topic, 0), 7)]).await.unwrap();
    let member = member(&group, &topic).await;
    let altered = task.runner.alter_offsets(&name, &task.start.connector, offsets(&topic, 0, 5)).await;
    assert!(matches!(altered, Err(HerderError::Failed(_))), "{altered:?}");
    task.runner.reset_offsets(&name, &task.start.connector).await.unwrap_err();
    member.close().await.unwrap();

    append(&topic, 1, numbered("more", 1)).await;
    let task = start(&name, &topic, &file).await;
    eventually("the last line", async || committed(&group).await == 11).await;
    task.runner.stop(&task.id).await;
    assert_eq!(lines(&file), [numbered("text", 10), numbered("more", 1)].concat());
}

#[tokio::test]
async fn a_sink_that_cannot_forget_says_so_and_forgets_when_it_is_asked_again() {
    let (dir, name) = (tempfile::tempdir().unwrap(), unique("kept"));
    let (file, progress) = (dir.path().join("out"), dir.path().join(".out.progress"));
    let topic = topic_of("kept", 1, numbered("text", 10)).await;
    let group = format!("connect-{name}");
    let task = start(&name, &topic, &file).await;
    eventually("the lines", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;

    let kept = std::fs::read(&progress).unwrap();
    std::fs::write(&progress, "no progress").unwrap();
    let reset = task.runner.reset_offsets(&name, &task.start.connector).await.unwrap_err();
    assert!(reset.contains("those that the sink keeps itself have not"), "{reset}");
    std::fs::write(&progress, kept).unwrap();
    task.runner.reset_offsets(&name, &task.start.connector).await.unwrap();

    let task = start(&name, &topic, &file).await;
    eventually("all of them", async || committed(&group).await == 10).await;
    task.runner.stop(&task.id).await;
    assert_eq!(lines(&file), [numbered("text", 10), numbered("text", 10)].concat());
}
