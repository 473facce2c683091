//! A worker of ours in this process, with its REST API.

use anyhow::{Result, anyhow};
use millstream_client::Admin;
use millstream_connect::Registry;
use millstream_connect::herder::{self, ClusterOptions, Parts, Running, TopicPositions};
use millstream_connect::options::{Fault, Given, Options};
use millstream_connect::rest::{Catalog, Loggers, Rest, RestOptions, RestServer};
use millstream_connect::runtime::{PositionFile, Positions, TaskRunner};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const EVENTS_MAX: usize = 1_024;

type Settings = BTreeMap<String, String>;

/// A running worker; dropped, it is gone as if killed.
pub(super) struct Ours {
    _runtime: Runtime,
    address: SocketAddr,
    _running: Running,
    _dir: TempDir,
}

impl Ours {
    /// With its connectors in memory and its positions in a file.
    pub(super) fn alone(bootstrap: &str) -> Result<Self> {
        Self::start(bootstrap, None)
    }

    /// Of a cluster.
    pub(super) fn joined(bootstrap: &str) -> Result<Self> {
        let topics =
            ["config", "offset", "status"].map(|of| (format!("{of}.storage.topic"), format!("connect-{of}")));
        Self::start(
            bootstrap,
            Some(topics.into_iter().chain([("group.id".into(), "connect".into())]).collect()),
        )
    }

    fn start(bootstrap: &str, cluster: Option<Settings>) -> Result<Self> {
        let (runtime, dir) = (Runtime::new()?, tempfile::tempdir()?);
        let mut settings: Settings = [
            ("bootstrap.servers", bootstrap),
            ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("offset.flush.interval.ms", "200"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        settings.extend(cluster.clone().unwrap_or_default());
        let (running, address) = runtime.block_on(run(settings, cluster.is_some(), dir.path()))?;
        Ok(Self { _runtime: runtime, address, _running: running, _dir: dir })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn run(settings: Settings, joins: bool, dir: &std::path::Path) -> Result<(Running, SocketAddr)> {
    let rest_options =
        RestOptions::read(&Given::new(&BTreeMap::from([("listeners".into(), "http://127.0.0.1:0".into())])));
    let rest_options = rest_options.map_err(said)?;
    let server = RestServer::bind(rest_options.address()).await?;
    let address = server.address();
    let registry = Arc::new(Registry::built_in());
    let cluster =
        if joins { Some(ClusterOptions::read(&Given::new(&settings)).map_err(said)?) } else { None };
    let positions: Arc<dyn Positions> = match &cluster {
        Some(options) => Arc::new(TopicPositions::open(options, &settings).await?),
        None => Arc::new(PositionFile::open(&dir.join("offsets"))?),
    };
    let (told, events) = mpsc::channel(EVENTS_MAX);
    let runner = TaskRunner::new(Arc::clone(&registry), settings.clone(), positions, told).map_err(said)?;
    let admin = Admin::builder().bootstrap(&settings["bootstrap.servers"]).build().await?;
    let cluster_id = admin.describe_cluster().await?.id;
    let loggers = Arc::new(Loggers::new("WARN", |_, _| {}));
    let (id, levels) = (address.to_string(), loggers.levels());
    let parts = Parts { worker: Arc::new(runner), events, id, cluster_id, levels };
    let running = match &cluster {
        Some(options) => herder::join(parts, options, &settings).await?,
        None => herder::alone(parts),
    };
    let catalog = Arc::new(Catalog::of_options(registry));
    let rest = Rest { herder: running.herder(), catalog, loggers, options: Arc::new(rest_options) };
    tokio::spawn(server.serve(rest));
    Ok((running, address))
}

fn said(faults: Vec<Fault>) -> anyhow::Error {
    anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
