//! The connector of CONTRIBUTING.md, before a broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Consumer, TopicPartition};
use millstream_connect::standalone::{Standalone, StandaloneParts};
use millstream_connect::{Plugin, Registry};
use millstream_examples::own_connector::Tides;

fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_connector_of_ones_own_runs_as_the_others_do() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(BrokerConfig::ephemeral()).await?;
    let offsets = dir.path().join("offsets");
    let worker = [
        ("bootstrap.servers", &*broker.bootstrap()),
        ("offset.storage.file.filename", &offsets.to_string_lossy()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tides = TopicPartition::new("tides", 0);
    // The second run goes on where the first one was.
    for (hours, wanted) in [("10", 10), ("15", 15)] {
        let standalone = Standalone::start(StandaloneParts {
            registry: Arc::new(Registry::built_in().source::<Tides>()),
            settings: worker.clone().into_iter().collect(),
            id: "test".to_owned(),
            levels: Arc::new(|_, _| {}),
            ends: true,
        })
        .await?;
        let options =
            [("name", "harbour"), ("connector.class", "tides"), ("topic", "tides"), ("hours", hours)];
        standalone.put(config(&options)).await?;
        standalone.caught_up().await.map_err(|why| anyhow!(why))?;
        standalone.close().await;
        let consumer = Consumer::builder().bootstrap(&broker.bootstrap()).build().await?;
        let ends = consumer.end_offsets([tides.clone()]).await?;
        assert_eq!(ends.get(&tides).map(|end| end.0), Some(wanted));
    }
    Ok(())
}

#[test]
fn what_is_wrong_with_its_options_is_said_by_the_struct() {
    let registry = Registry::built_in().source::<Tides>();
    let Ok(plugin @ Plugin::Source(_)) = registry.find("tides") else { panic!("it is not registered") };
    let faults = plugin.faults(&config(&[("height.cm", "0")]));
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "Missing required configuration \"topic\" which has no default value.",
            "Invalid value 0 for configuration height.cm: must be in 1..=2000",
        ]
    );
    let names: Vec<&str> = plugin.definitions().iter().map(|definition| definition.name).collect();
    assert_eq!(names, ["topic", "height.cm", "hours"]);
}
