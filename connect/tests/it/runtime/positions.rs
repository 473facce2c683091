//! Positions of sources in a cluster's topic.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use millstream_connect::herder::{ClusterOptions, TopicPositions};
use millstream_connect::options::{Given, Options};
use millstream_connect::runtime::Positions;
use millstream_connect::{SourceOffset, SourcePartition};
use serde_json::{Map, json};

use super::broker::{bootstrap, unique};

fn position(file: &str, at: i64) -> (SourcePartition, Option<SourceOffset>) {
    let one = |name: &str, value| Map::from_iter([(name.to_owned(), value)]);
    (one("file", json!(file)), Some(one("position", json!(at))))
}

/// On one thread nothing of the producer's runs before the store is given up.
#[tokio::test]
async fn a_store_that_is_given_up_stores_nothing_later() -> Result<()> {
    let group = unique("positions");
    let settings = BTreeMap::from([
        ("bootstrap.servers".to_owned(), bootstrap().await),
        ("group.id".to_owned(), group.clone()),
        ("config.storage.topic".to_owned(), format!("{group}-configs")),
        ("offset.storage.topic".to_owned(), format!("{group}-offsets")),
        ("status.storage.topic".to_owned(), format!("{group}-statuses")),
    ]);
    let options =
        ClusterOptions::read(&Given::new(&settings)).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let positions = TopicPositions::open(&options, &settings).await?;
    // The topic is known to whoever stores from now on.
    positions.store("c", vec![position("a", 1)]).await?;
    let mut late = Box::pin(positions.store("c", vec![position("a", 2)]));
    assert!(futures::poll!(&mut late).is_pending(), "it is under way");
    drop(late);
    positions.store("c", vec![position("b", 3)]).await?;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let stored = positions.load("c").await?;
    let at = |file: &str| {
        let found = stored.iter().find(|(partition, _)| partition["file"] == file);
        found.map(|(_, offset)| offset["position"].clone()).context("nothing is stored")
    };
    assert_eq!((at("a")?, at("b")?), (json!(1), json!(3)));
    Ok(())
}
