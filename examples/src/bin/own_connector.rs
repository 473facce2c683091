//! `own_connector PIPELINE...` runs what `millstream connect run` runs, with one connector more.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use millstream_connect::Registry;
use millstream_connect::standalone::{Pipeline, Standalone, StandaloneParts};
use millstream_examples::own_connector::Tides;

#[tokio::main]
async fn main() -> Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let pipeline = Pipeline::read(&files)?;
    let standalone = Standalone::start(StandaloneParts {
        registry: Arc::new(Registry::built_in().source::<Tides>()),
        settings: pipeline.worker,
        id: "own".to_owned(),
        levels: Arc::new(|_, _| {}),
        ends: false,
    })
    .await?;
    for connector in pipeline.connectors {
        standalone.put(connector).await?;
    }
    tokio::signal::ctrl_c().await?;
    standalone.close().await;
    Ok(())
}
