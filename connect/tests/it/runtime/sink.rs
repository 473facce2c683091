//! Sinks: every record is written or a dead letter, and offsets are committed behind that only.

use std::collections::BTreeSet;
use std::time::Duration;

use millstream_connect::herder::{State, Worker};

use super::broker::{append, committed, contents, topic_of, unique};
use super::shelf::{Behaviour, ShelfState};
use super::worker::{OneTask, eventually, position_file};

pub(super) fn numbered(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|number| format!("text {number}."))
}

pub(super) fn pairs<'a>(topic: &'a str, shelf: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("connector.class", "shelf"),
        ("topics", topic),
        ("shelf.name", shelf),
        ("errors.retry.delay.max.ms", "50"),
        ("sink.batch.records", "50"),
    ]
}

pub(super) async fn start(name: &str, topic: &str) -> (OneTask, std::sync::Arc<ShelfState>) {
    let dir = tempfile::tempdir().unwrap();
    let task = OneTask::start(name, &pairs(topic, name), position_file(&dir)).await;
    (task, ShelfState::named(name))
}

pub(super) fn behave(shelf: &ShelfState, behaviour: Behaviour) {
    *shelf.behaviour.lock() = behaviour;
}

#[tokio::test]
async fn every_record_is_written_once_and_committed_behind_the_flush() {
    let topic = topic_of("texts", 3, numbered(0, 1_000)).await;
    let name = unique("shelf");
    let (task, shelf) = start(&name, &topic).await;
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 1_000).await;
    let texts = shelf.texts();
    assert_eq!(texts.len(), 1_000);
    assert_eq!(texts.iter().cloned().collect::<BTreeSet<_>>(), numbered(0, 1_000).collect());
    for partition in 0..3 {
        let offsets: Vec<i64> = shelf
            .written
            .lock()
            .iter()
            .filter(|(of, _, _)| *of == partition)
            .map(|(_, offset, _)| *offset)
            .collect();
        assert!(offsets.is_sorted(), "partition {partition} is in order");
    }
    assert!(*shelf.flushes.lock() > 0);
    task.runner.stop(&task.id).await;

    append(&topic, 3, numbered(1_000, 1_100)).await;
    let (task, shelf) = start(&name, &topic).await;
    eventually("the rest", async || shelf.texts().len() >= 1_100).await;
    task.runner.stop(&task.id).await;
    assert_eq!(shelf.texts().len(), 1_100, "nothing again after an orderly end");
}

#[tokio::test]
async fn poison_is_a_dead_letter_whether_the_target_tells_each_or_all() {
    for whole in [false, true] {
        let topic = topic_of("texts", 2, numbered(0, 300)).await;
        let name = unique("shelf");
        let poison = Some("77.".to_owned());
        behave(&ShelfState::named(&name), Behaviour { poison, whole, ..Behaviour::default() });
        let (task, shelf) = start(&name, &topic).await;
        let group = format!("connect-{name}");
        eventually("the commit", async || committed(&group).await == 300).await;
        assert_eq!(shelf.texts().len(), 297, "whole: {whole}");
        let letters = contents(&format!("{name}.dlq")).await;
        let values: BTreeSet<String> = letters.iter().filter_map(|letter| letter.value.clone()).collect();
        assert_eq!(
            values,
            ["text 77.", "text 177.", "text 277."].map(str::to_owned).into(),
            "whole: {whole}"
        );
        let first = letters.iter().find(|letter| letter.value.as_deref() == Some("text 77.")).unwrap();
        let header = |name: &str| first.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!(header("__connect.errors.topic"), topic);
        assert_eq!(
            (header("__connect.errors.partition"), header("__connect.errors.offset")),
            ("1".into(), "38".into())
        );
        assert_eq!(header("__connect.errors.connector.name"), name);
        assert_eq!(header("__connect.errors.stage"), "TASK_PUT");
        task.runner.stop(&task.id).await;
    }
}

#[tokio::test]
async fn a_password_that_a_target_says_aloud_is_in_no_dead_letter_and_in_no_state() {
    for tolerance in ["all", "none"] {
        let topic = topic_of("texts", 1, numbered(0, 10)).await;
        let name = unique("shelf");
        behave(&ShelfState::named(&name), Behaviour { poison: Some(" 5.".into()), ..Behaviour::default() });
        let dir = tempfile::tempdir().unwrap();
        let mut pairs = pairs(&topic, &name);
        pairs.extend([("errors.tolerance", tolerance), ("shelf.key", "pl4nted")]);
        let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
        if tolerance == "none" {
            let why = task.until_state(State::Failed).await.why.unwrap();
            assert!(why.contains("it is poison[hidden]") && !why.contains("pl4nted"), "{why}");
            continue;
        }
        let group = format!("connect-{name}");
        eventually("the commit", async || committed(&group).await == 10).await;
        let letters = contents(&format!("{name}.dlq")).await;
        let headers = format!("{:?}", letters[0].headers);
        assert!(headers.contains("it is poison[hidden]") && !headers.contains("pl4nted"), "{headers}");
        task.runner.stop(&task.id).await;
    }
}

#[tokio::test]
async fn bytes_that_no_converter_takes_are_dead_letters() {
    let topic = topic_of("texts", 1, ["1", "{", "2"].map(str::to_owned)).await;
    let name = unique("shelf");
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    pairs.extend([("value.converter", "json"), ("value.converter.schemas.enable", "false")]);
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 3).await;
    let letters = contents(&format!("{name}.dlq")).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value.as_deref(), Some("{"));
    let header = |name: &str| letters[0].headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(header("__connect.errors.stage"), "VALUE_CONVERTER");
    assert_eq!(header("__connect.errors.class.name"), "org.apache.kafka.connect.json.JsonConverter");
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn a_task_that_is_started_again_runs_once_its_target_is_open() {
    let topic = topic_of("texts", 1, ["a"].map(str::to_owned)).await;
    let (name, dir) = (unique("archive"), tempfile::tempdir().unwrap());
    let blocked = dir.path().join("blocked");
    std::fs::write(&blocked, "a file where a directory is to be").unwrap();
    let directory = blocked.join("files");
    let pairs = [
        ("connector.class", "file-sink"),
        ("topics", topic.as_str()),
        ("directory", directory.to_str().unwrap()),
    ];
    let mut task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    task.until_state(State::Degraded).await;
    // It is begun three times meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let told = task.told();
    let first = told.iter().position(|state| *state == State::Degraded).unwrap();
    assert!(!told[first..].contains(&State::Running), "{told:?}");
    std::fs::remove_file(&blocked).unwrap();
    task.until("the record is there", |metrics| metrics.records_written == 1).await;
    assert_eq!(task.metrics().state, State::Running);
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn dead_letters_that_have_more_copies_than_there_are_brokers_are_told_with_the_option() {
    let topic = topic_of("texts", 1, ["{"].map(str::to_owned)).await;
    let name = unique("shelf");
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    let factor = "errors.deadletterqueue.topic.replication.factor";
    pairs.extend([("value.converter", "json"), (factor, "3")]);
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let metrics = task.until_state(State::Restarting).await;
    let why = metrics.why.unwrap_or_default();
    assert!(why.contains(&format!("registered; set {factor} to no more than")), "{why}");
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn no_tolerance_ends_the_task_at_the_first_bad_record() {
    let topic = topic_of("texts", 1, numbered(0, 10)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { poison: Some(" 5.".into()), ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    pairs.push(("errors.tolerance", "none"));
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let metrics = task.until_state(State::Failed).await;
    assert!(metrics.why.unwrap().contains("Tolerance exceeded in error handler"));
    assert!(contents(&format!("{name}.dlq")).await.is_empty());
    assert!(committed(&format!("connect-{name}")).await <= 5, "nothing behind the bad one is committed");
}

#[tokio::test]
async fn a_target_that_is_away_is_waited_for_and_nothing_becomes_a_dead_letter() {
    let topic = topic_of("texts", 2, numbered(0, 100)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { away: true, ..Behaviour::default() });
    let (task, shelf) = start(&name, &topic).await;
    let metrics = task.until_state(State::Degraded).await;
    assert_eq!(metrics.why.as_deref(), Some("the shelf is away"));
    task.until("attempts", |metrics| metrics.retries > 3).await;
    behave(&shelf, Behaviour::default());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 100).await;
    let metrics = task.until_state(State::Running).await;
    assert_eq!((shelf.texts().len(), metrics.dead_letters), (100, 0));
}

#[tokio::test]
async fn a_busy_record_holds_up_its_own_partition_alone() {
    let topic = topic_of("texts", 2, numbered(0, 200)).await;
    let name = unique("shelf");
    // An even number: partition 0.
    behave(&ShelfState::named(&name), Behaviour { busy: Some("text 20.".into()), ..Behaviour::default() });
    let (task, shelf) = start(&name, &topic).await;
    eventually("partition 1", async || {
        shelf.written.lock().iter().filter(|(partition, _, _)| *partition == 1).count() == 100
    })
    .await;
    let why = task.until_state(State::Degraded).await.why.unwrap_or_default();
    assert!(why.ends_with("again and again: busy"), "{why}");
    assert!(committed(&format!("connect-{name}")).await <= 110, "the busy record is not committed past");
    behave(&shelf, Behaviour::default());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 200).await;
    assert_eq!(shelf.texts().len(), 200);
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn a_flush_that_fails_means_that_all_since_the_last_is_written_again() {
    let topic = topic_of("texts", 2, numbered(0, 100)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { flush_failures: 2, ..Behaviour::default() });
    let (task, shelf) = start(&name, &topic).await;
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 100).await;
    assert!(shelf.texts().len() > 100, "written again: {}", shelf.texts().len());
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn a_target_that_stays_away_for_longer_than_it_may_halts_the_task() {
    let topic = topic_of("texts", 2, numbered(0, 100)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { away: true, ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    pairs.push(("errors.retry.timeout", "700"));
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let metrics = task.until_state(State::Halted).await;
    assert_eq!(metrics.why.as_deref(), Some("errors.retry.timeout is over: the shelf is away"));
    assert_eq!((metrics.records_written, metrics.dead_letters), (0, 0));
    assert_eq!(committed(&format!("connect-{name}")).await, 0);
}

#[tokio::test]
async fn a_target_that_takes_records_and_never_makes_them_safe_is_given_up_in_time() {
    let topic = topic_of("texts", 2, numbered(0, 100)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { flush_failures: u32::MAX, ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    pairs.push(("errors.retry.timeout", "1500"));
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let degraded = task.until_state(State::Degraded).await;
    let read = degraded.records_read;
    task.until("all once more", |metrics| metrics.records_read > read + 50).await;
    assert_eq!(task.metrics().state, State::Degraded, "what is written again is not safe yet");
    let metrics = task.until_state(State::Halted).await;
    let why = metrics.why.unwrap();
    assert!(why.contains("errors.retry.timeout is over: not safe"), "{why}");
    assert_eq!(committed(&format!("connect-{name}")).await, 0);
}

#[tokio::test]
async fn what_does_not_convert_has_one_dead_letter_however_often_it_is_read() {
    let topic = topic_of("texts", 1, ["1", "{", "2"].map(str::to_owned)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { flush_failures: u32::MAX, ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&topic, &name);
    pairs.extend([("value.converter", "json"), ("value.converter.schemas.enable", "false")]);
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    task.until("what is read again", |metrics| metrics.records_read > 3).await;
    // More comes behind it, and is fetched with what was read before.
    append(&topic, 1, ["3", "{"].map(str::to_owned)).await;
    task.until("another letter", |metrics| metrics.dead_letters > 1).await;
    behave(&ShelfState::named(&name), Behaviour::default());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 5).await;
    assert_eq!(contents(&format!("{name}.dlq")).await.len(), 2);
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn partitions_go_in_time_from_a_target_whose_flush_hangs_and_nothing_is_lost() {
    let topic = topic_of("texts", 2, numbered(0, 100)).await;
    let name = unique("shelf");
    let shelf = ShelfState::named(&name);
    let dir = tempfile::tempdir().unwrap();
    // Nothing is committed but when partitions go and tasks end.
    let worker = [("offset.flush.interval.ms", "3600000"), ("consumer.max.poll.interval.ms", "6000")];
    let task = OneTask::start_with(&name, &pairs(&topic, &name), position_file(&dir), &worker).await;
    eventually("all texts", async || shelf.texts().len() == 100).await;
    behave(&shelf, Behaviour { flush_hangs: true, ..Behaviour::default() });
    let beside = task.beside(&name, 1, &pairs(&topic, &name)).await;
    let metrics = task.until_state(State::Degraded).await;
    assert!(metrics.why.as_ref().is_some_and(|why| why.contains("without a commit")), "{metrics:#?}");
    assert_eq!(committed(&format!("connect-{name}")).await, 0);

    behave(&shelf, Behaviour::default());
    eventually("all texts again, in two tasks", async || shelf.texts().len() == 200).await;
    task.runner.stop(&task.id).await;
    task.runner.stop(&beside).await;
    assert_eq!(committed(&format!("connect-{name}")).await, 100, "both committed at their end");
}

#[tokio::test]
async fn topics_by_a_pattern_are_read_also_those_that_come_later_and_no_others() {
    let (first, name) = (topic_of("by-pattern", 1, numbered(0, 10)).await, unique("shelf"));
    let stranger = topic_of("not-by-pattern", 1, numbered(90, 100)).await;
    let dir = tempfile::tempdir().unwrap();
    let mut pairs = pairs(&first, &name);
    pairs.retain(|(option, _)| *option != "topics");
    pairs.extend([("topics.regex", "by-pattern-[0-9]+"), ("consumer.override.metadata.max.age.ms", "200")]);
    let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
    let shelf = ShelfState::named(&name);
    eventually("the first topic", async || shelf.texts().len() == 10).await;
    let second = topic_of("by-pattern", 2, numbered(10, 20)).await;
    eventually("the topic that came later", async || shelf.texts().len() >= 20).await;
    assert_eq!(shelf.texts().into_iter().collect::<BTreeSet<_>>(), numbered(0, 20).collect());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 20).await;
    task.runner.stop(&task.id).await;
    let read = super::broker::admin().await.group_offsets(&group).await.unwrap();
    let topics: BTreeSet<String> = read.keys().map(|partition| partition.topic.to_string()).collect();
    assert_eq!(topics, [first, second].into(), "and not {stranger}");
}
