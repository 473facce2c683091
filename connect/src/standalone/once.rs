//! When a run that ends has done all there is.

use std::time::Duration;

use millstream_client::{Admin, Consumer, TopicPartition};

use crate::herder::{Config, ConnectorType, Herder, State};
use crate::runtime::{Subscription, TaskRunner};

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until every source has no more, then until every sink has all that is in its topics.
pub(super) async fn caught_up(runner: &TaskRunner, admin: &Admin, herder: &dyn Herder) -> Result<(), String> {
    let names = herder.connectors().await.map_err(|error| error.to_string())?;
    let mut sinks = Vec::new();
    for name in &names {
        let info = herder.info(name).await.map_err(|error| error.to_string())?;
        match info.kind {
            ConnectorType::Source => while !exhausted(runner, herder, name).await? {},
            _ => sinks.push(info.config),
        }
    }
    for config in &sinks {
        let ends = ends(runner, admin, config).await?;
        let group = runner.group(config)?;
        loop {
            healthy(herder, config.get("name").map_or("", String::as_str)).await?;
            let committed = admin.group_offsets(&group).await.map_err(|error| error.to_string())?;
            let reached = |(partition, end): &(TopicPartition, i64)| {
                committed.get(partition).is_some_and(|committed| committed.offset >= *end)
            };
            if ends.iter().all(reached) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Whether the tasks of a source are there and have no more; looked at after a while.
async fn exhausted(runner: &TaskRunner, herder: &dyn Herder, name: &str) -> Result<bool, String> {
    healthy(herder, name).await?;
    let metrics = runner.metrics();
    let mut own = metrics.iter().filter(|(id, _)| id.connector == name).peekable();
    let done = own.peek().is_some() && own.all(|(_, metrics)| metrics.exhausted);
    if !done {
        tokio::time::sleep(LOOK).await;
    }
    Ok(done)
}

/// Whether a connector may still get there.
async fn healthy(herder: &dyn Herder, name: &str) -> Result<(), String> {
    let status = herder.status(name).await.map_err(|error| error.to_string())?;
    if let State::Paused | State::Stopped = status.connector.state {
        return Err(format!(
            "connector {name} does not run, so it never has all: leave its initial_state out"
        ));
    }
    let tasks = status.tasks.into_iter().map(|task| (format!("task {name}-{}", task.id), task.state));
    let mut all = std::iter::once((format!("connector {name}"), status.connector)).chain(tasks);
    match all.find(|(_, state)| matches!(state.state, State::Failed | State::Halted)) {
        Some((who, state)) => {
            let why = state.why.or(state.trace).unwrap_or_default();
            Err(format!("{who} {:?}: {why}", state.state))
        }
        None => Ok(()),
    }
}

/// Where the topics of a sink end, as far as there is anything in them.
async fn ends(
    runner: &TaskRunner,
    admin: &Admin,
    config: &Config,
) -> Result<Vec<(TopicPartition, i64)>, String> {
    let listed = admin.list_topics().await.map_err(|error| error.to_string())?;
    let reads = Subscription::read(config)
        .map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    let topics = listed.iter().filter(|topic| !topic.internal && reads.includes(&topic.name));
    let partitions: Vec<TopicPartition> = topics
        .flat_map(|topic| {
            (0..).take(topic.partitions).map(|index| TopicPartition::new(topic.name.clone(), index))
        })
        .collect();
    let consumer: Consumer = runner.reader().await?;
    let begins = consumer.beginning_offsets(partitions.clone()).await.map_err(|error| error.to_string())?;
    let ends = consumer.end_offsets(partitions).await.map_err(|error| error.to_string())?;
    let is_filled =
        |(partition, end): &(TopicPartition, i64)| begins.get(partition).is_some_and(|begin| begin.0 < *end);
    Ok(ends.into_iter().map(|(partition, end)| (partition, end.0)).filter(is_filled).collect())
}
