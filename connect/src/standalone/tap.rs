//! Looking at records as a connector sees them, moving and storing nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_client::{Event, Offset, TopicPartition};
use serde_json::{Value as Json, json};

use crate::data::SchemaAndValue;
use crate::error::TaskError;
use crate::options::{Fault, Given, Options};
use crate::record::Record;
use crate::registry::{Plugin, Registry};
use crate::runtime::{Lens, PositionFile, Positions, Seen, Subscription, WorkerOptions};
use crate::source::SourceContext;

use super::worker::POSITION_FILE;

/// How long a sink's topics are waited for at a time.
const POLL: Duration = Duration::from_millis(200);

/// Shows up to `max` records of a connector to `show`, as its transforms leave them: of a source those that it would read next, of a
/// sink those in its topics, from their beginning; it ends when `show` wants no more. Nothing is produced, stored or committed.
///
/// # Errors
/// The configuration, the other side, or the cluster.
pub async fn tap(
    registry: &Registry,
    worker: &BTreeMap<String, String>,
    config: &BTreeMap<String, String>,
    max: usize,
    mut show: impl FnMut(Json) -> bool + Send,
) -> Result<(), String> {
    let options = WorkerOptions::read(&Given::new(worker)).map_err(told)?;
    let secrets = options.secrets();
    let config = secrets.resolve(config).map_err(|error| error.to_string())?;
    let worker = secrets.resolve(worker).map_err(|error| error.to_string())?;
    let lens = Lens::new(&config, &worker).map_err(|error| error.to_string())?;
    let class = config.get("connector.class").map_or("", String::as_str);
    match registry.find(class).map_err(|fault| fault.message)? {
        Plugin::Source(source) => {
            let name = config.get("name").cloned().unwrap_or_default();
            let file = worker.get(POSITION_FILE).map_or("connect.offsets", String::as_str);
            let stored = PositionFile::open(file).map_err(|error| error.to_string())?;
            let positions = stored.load(&name).await.map_err(|error| error.to_string())?;
            let context = SourceContext { connector: name, tasks: 1, positions, ..SourceContext::default() };
            let mut task = source.open(&config, context).await.map_err(|error| error.to_string())?;
            let mut left = max;
            while left > 0 {
                let batch = match task.poll().await {
                    Ok(Some(batch)) => batch,
                    Ok(None) => break,
                    Err(TaskError::Retry { .. }) => {
                        tokio::time::sleep(POLL).await;
                        continue;
                    }
                    Err(error) => return Err(error.to_string()),
                };
                for record in batch.records {
                    if left > 0 {
                        left = if show(seen(lens.of_source(record))) { left - 1 } else { 0 };
                    }
                }
            }
            task.close().await;
        }
        Plugin::Sink(_) => of_sink(&lens, &config, max, show).await?,
    }
    Ok(())
}

async fn of_sink(
    lens: &Lens,
    config: &BTreeMap<String, String>,
    max: usize,
    mut show: impl FnMut(Json) -> bool,
) -> Result<(), String> {
    let mut consumer = lens.consumer().await?;
    let reads = Subscription::read(config).map_err(told)?;
    let admin = lens.admin().await?;
    let listed = admin.list_topics().await.map_err(|error| error.to_string())?;
    let there = listed.iter().filter(|topic| !topic.internal && reads.includes(&topic.name));
    let names: Vec<&str> = there.map(|topic| &*topic.name).collect();
    if names.is_empty() {
        return Err("none of the topics that it reads is there".to_owned());
    }
    for (_, topic) in admin.describe_topics(names).await.map_err(|error| error.to_string())? {
        let topic = topic.map_err(|error| error.to_string())?;
        for partition in topic.partitions {
            consumer.assign_at(TopicPartition::new(topic.name.clone(), partition.partition), Offset(0));
        }
    }
    let mut left = max;
    while left > 0 {
        let event = consumer.poll(POLL).await.map_err(|error| error.to_string())?;
        let Some(Event::Fetched(fetched)) = event else { continue };
        let each = |record: &millstream_client::Record<'_>| {
            if left > 0 {
                left = if show(seen(lens.of_sink(&fetched, record))) { left - 1 } else { 0 };
            }
            Ok(())
        };
        fetched.for_each(each).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn told(faults: Vec<Fault>) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn seen(seen: Seen) -> Json {
    match seen {
        Seen::Record(record) => shown(&record),
        Seen::Dropped => json!({ "dropped": "a transform dropped it" }),
        Seen::Failed { stage, why } => json!({ "failed": stage, "error": why }),
    }
}

fn shown(record: &Record) -> Json {
    let headers = record.headers.iter().map(|(name, data)| json!([name, value(data)]));
    json!({
        "topic": &*record.topic,
        "key": value(&record.key),
        "value": value(&record.value),
        "timestamp": record.timestamp,
        "headers": headers.collect::<Vec<_>>(),
    })
}

fn value(data: &SchemaAndValue) -> Json {
    data.value.to_json()
}
