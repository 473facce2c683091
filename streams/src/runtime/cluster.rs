//! What an application does to the cluster before its threads start: look at the source topics, create its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream_client::{Admin, ErrorCode, NewTopic};

use super::config::{Recipient, StreamsConfig};
use super::topics::{self, InternalTopic};
use super::{LinkError, StreamsError, TopicError};
use crate::topology::Topology;

/// How long a source topic may stay unknown: brokers hear of what was created a moment ago one after the other.
const SOURCES_WAIT: Duration = Duration::from_secs(3);

/// How often they are asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Checks the source topics and creates the internal ones that are missing. Several instances may do it at once.
pub(super) async fn prepare(topology: &Topology, config: &StreamsConfig) -> Result<(), StreamsError> {
    let admin = admin(config)?.build().await.map_err(|error| failed("connecting to the cluster", error))?;
    let deadline = Instant::now() + SOURCES_WAIT;
    loop {
        match missing_topics(&admin, topology, config).await {
            Err(StreamsError::Topics(TopicError::MissingSource { topic })) if Instant::now() < deadline => {
                tracing::info!(topic, "waiting for a source topic");
                tokio::time::sleep(ASK_AGAIN).await;
            }
            missing => return create(&admin, missing?).await,
        }
    }
}

async fn missing_topics(
    admin: &Admin,
    topology: &Topology,
    config: &StreamsConfig,
) -> Result<Vec<NewTopic>, StreamsError> {
    let topics = admin.list_topics().await.map_err(|error| failed("listing the topics", error))?;
    let existing: BTreeMap<&str, i32> =
        topics.iter().map(|topic| (&*topic.name, topic.partitions as i32)).collect();
    let plan = topics::plan(topology, &config.application_id, |topic| existing.get(topic).copied())?;
    let mut missing = Vec::new();
    for topic in &plan {
        match existing.get(&*topic.name) {
            None => missing.push(new_topic(topic, config)),
            Some(found) => check(topic, *found)?,
        }
    }
    Ok(missing)
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

fn new_topic(topic: &InternalTopic, config: &StreamsConfig) -> NewTopic {
    let mut new = NewTopic::new(&topic.name, topic.partitions);
    for (name, value) in topic.configs {
        new = new.config(*name, *value);
    }
    for (name, value) in &config.topics {
        new.configs.retain(|(known, _)| known != name);
        new = new.config(name, value);
    }
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

fn check(topic: &InternalTopic, found: i32) -> Result<(), TopicError> {
    if found == topic.partitions {
        return Ok(());
    }
    Err(TopicError::WrongPartitions { topic: topic.name.clone(), found, needed: topic.partitions })
}

pub(super) fn failed(doing: &str, source: millstream_client::Error) -> LinkError {
    LinkError { doing: doing.to_owned(), source: source.into() }
}
