//! What an application does to the cluster before its threads start: look at the source topics, create its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_client::{Admin, ErrorCode, NewTopic};

use super::config::{Recipient, StreamsConfig};
use super::topics::{self, InternalTopic};
use super::{LinkError, StreamsError, TopicError};
use crate::topology::Topology;
use crate::window::to_millis;

/// How long a source topic may stay unknown: brokers hear of what was created a moment ago one after the other.
const SOURCES_WAIT: Duration = Duration::from_secs(3);

/// How often they are asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Checks the source topics and creates the internal ones that are missing; returns the internal ones. Several instances may do
/// it at once.
pub(super) async fn prepare(
    topology: &Topology,
    config: &StreamsConfig,
) -> Result<Vec<InternalTopic>, StreamsError> {
    let admin = admin(config)?.build().await.map_err(|error| failed("connecting to the cluster", error))?;
    let deadline = Instant::now() + SOURCES_WAIT;
    loop {
        match missing_topics(&admin, topology, config).await {
            Err(StreamsError::Topics(
                TopicError::MissingSource { topic } | TopicError::MissingDeadLetters { topic },
            )) if Instant::now() < deadline => {
                tracing::info!(topic, "waiting for a topic");
                tokio::time::sleep(ASK_AGAIN).await;
            }
            Err(error) => return Err(error),
            Ok((plan, missing)) => {
                create(&admin, missing).await?;
                return Ok(plan);
            }
        }
    }
}

async fn missing_topics(
    admin: &Admin,
    topology: &Topology,
    config: &StreamsConfig,
) -> Result<(Vec<InternalTopic>, Vec<NewTopic>), StreamsError> {
    let topics = admin.list_topics().await.map_err(|error| failed("listing the topics", error))?;
    let existing: BTreeMap<&str, i32> =
        topics.iter().map(|topic| (&*topic.name, topic.partitions as i32)).collect();
    let partitions = |topic: &_| topics::partitions_of(topic, &existing);
    if let Some(topic) = config.errors.dead_letters.as_deref().filter(|topic| !existing.contains_key(topic)) {
        return Err(TopicError::MissingDeadLetters { topic: topic.to_owned() }.into());
    }
    topics::check_globals(topology, partitions)?;
    let plan = topics::plan(topology, &config.application_id, partitions)?;
    let mut missing = Vec::new();
    for topic in &plan {
        match existing.get(&*topic.name) {
            None => missing.push(new_topic(topic, config)),
            Some(found) => topics::check(topic, *found)?,
        }
    }
    Ok((plan, missing))
}

/// The configuration of an admin client of this application.
pub(super) fn admin(config: &StreamsConfig) -> Result<millstream_client::AdminConfig, LinkError> {
    let mut admin = Admin::builder().bootstrap(&config.bootstrap_servers);
    for (name, value) in config.of(Recipient::Admin) {
        admin =
            admin.set(name, value).map_err(|error| failed("configuring the admin client", error.into()))?;
    }
    Ok(admin)
}

/// The library's configurations come first, then those for all internal topics, then the topic's own; each takes the place of what
/// was said before. How long a window changelog is kept follows from its store, unless the topic's own say otherwise.
fn new_topic(topic: &InternalTopic, config: &StreamsConfig) -> NewTopic {
    let mut new = NewTopic::new(&topic.name, topic.partitions);
    let mut set = |name: &str, value: &str| {
        new.configs.retain(|(known, _)| known != name);
        new.configs.push((name.to_owned(), value.to_owned()));
    };
    topic.configs.iter().for_each(|(name, value)| set(name, value));
    config.topics.iter().for_each(|(name, value)| set(name, value));
    if let Some(retention_ms) = topic.retention_ms {
        let kept = retention_ms.saturating_add(to_millis(config.window_changelog_surplus));
        set("retention.ms", &kept.to_string());
    }
    topic.own_configs.iter().for_each(|(name, value)| set(name, value));
    match config.replication_factor {
        -1 => new,
        replicas => new.replication_factor(replicas),
    }
}

async fn create(admin: &Admin, missing: Vec<NewTopic>) -> Result<(), StreamsError> {
    if missing.is_empty() {
        return Ok(());
    }
    for topic in &missing {
        tracing::info!(topic = topic.name, partitions = topic.partitions, "creating an internal topic");
    }
    let created =
        admin.create_topics(missing).await.map_err(|error| failed("creating internal topics", error))?;
    for (topic, result) in created {
        match result {
            // Another instance was faster.
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
            Err(error) => return Err(failed(&format!("creating the internal topic {topic}"), error).into()),
            Ok(_) => {}
        }
    }
    Ok(())
}

pub(super) fn failed(doing: &str, source: millstream_client::Error) -> LinkError {
    LinkError { doing: doing.to_owned(), retriable: source.is_retriable(), source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[test]
    fn a_window_changelog_outlives_its_windows_by_a_day() {
        let builder = StreamsBuilder::new();
        let grouped = builder.stream(Topic::<String, String>::new("in")).group_by_key();
        let _table = grouped.windowed_by(TimeWindows::of(mins(1)).grace(secs(30))).count("views");
        let topology = builder.build().unwrap();
        let planned = topics::plan(&topology, "app", |_| Some(2)).unwrap();
        let of = |config: &StreamsConfig| {
            let new = new_topic(&planned[0], config);
            (new.name, new.partitions, new.configs)
        };
        // What Kafka Streams creates for the same program.
        let expected = |retention: &str| {
            [
                ("cleanup.policy", "compact,delete"),
                ("message.timestamp.type", "CreateTime"),
                ("retention.ms", retention),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let mut config = StreamsConfig::default();
        assert_eq!(of(&config), ("app-views-changelog".into(), Some(2), expected("86490000").into()));
        config.set("windowstore.changelog.additional.retention.ms", "10000").unwrap();
        assert_eq!(of(&config).2, expected("100000"));
        // Only the store's own word has more weight than the store's retention.
        config.set("topic.retention.ms", "7").unwrap();
        assert_eq!(of(&config).2, expected("100000"));
    }

    #[test]
    fn what_is_said_of_a_changelog_comes_before_what_is_said_of_all() {
        const VIEWS: WindowStore<String, i64> =
            WindowStore::new("views").changelog(&[("retention.ms", "9"), ("cleanup.policy", "delete")]);
        const LAST: KeyValueStore<String, String> =
            KeyValueStore::new("last").changelog(&[("segment.bytes", "2000000")]);
        let builder = StreamsBuilder::new();
        let grouped = builder.stream(Topic::<String, String>::new("in")).group_by_key();
        let _views = grouped.clone().windowed_by(TimeWindows::of(mins(1))).count(VIEWS);
        let _last = grouped.reduce(LAST, |_, new| new);
        let planned = topics::plan(&builder.build().unwrap(), "app", |_| Some(1)).unwrap();
        let mut config = StreamsConfig::default();
        for (name, value) in [("topic.segment.bytes", "1000000"), ("topic.cleanup.policy", "compact")] {
            config.set(name, value).unwrap();
        }
        let of = |name: &str, config_name: &str| {
            let topic = planned.iter().find(|topic| topic.name == name).unwrap();
            let configs = new_topic(topic, &config).configs;
            let values: Vec<_> = configs.iter().filter(|(known, _)| known == config_name).collect();
            assert!(values.len() <= 1, "{values:?}");
            values.first().map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(of("app-last-changelog", "segment.bytes"), "2000000");
        assert_eq!(of("app-last-changelog", "cleanup.policy"), "compact");
        assert_eq!(of("app-views-changelog", "segment.bytes"), "1000000");
        assert_eq!(of("app-views-changelog", "cleanup.policy"), "delete");
        assert_eq!(of("app-views-changelog", "retention.ms"), "9");
    }
}
