//! A worker of ours in this process, with its REST API.

use anyhow::{Result, anyhow};
use millstream_connect::Registry;
use millstream_connect::distributed::Distributed;
use millstream_connect::options::Fault;
use millstream_connect::rest::{Loggers, Rest, RestOptions, RestServer};
use millstream_connect::standalone::{Standalone, StandaloneParts};
use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

type Settings = BTreeMap<String, String>;

/// A running worker; dropped, it is gone as if killed.
pub(super) struct Ours {
    _runtime: Runtime,
    address: SocketAddr,
    _worker: Box<dyn Any>,
    _dir: TempDir,
}

impl Ours {
    /// With its connectors in memory and its positions in a file.
    pub(super) fn alone(bootstrap: &str) -> Result<Self> {
        let (runtime, dir) = (Runtime::new()?, tempfile::tempdir()?);
        let file = dir.path().join("offsets").display().to_string();
        let settings = settings(bootstrap, [("offset.storage.file.filename", file.as_str())]);
        let (worker, address) = runtime.block_on(stand_alone(settings))?;
        Ok(Self { _runtime: runtime, address, _worker: Box::new(worker), _dir: dir })
    }

    /// Of a cluster.
    pub(super) fn joined(bootstrap: &str) -> Result<Self> {
        let (runtime, dir) = (Runtime::new()?, tempfile::tempdir()?);
        let cluster = [
            ("group.id", "connect"),
            ("session.timeout.ms", "2000"),
            ("heartbeat.interval.ms", "300"),
            ("config.storage.topic", "connect-config"),
            ("offset.storage.topic", "connect-offset"),
            ("status.storage.topic", "connect-status"),
        ];
        let start =
            Distributed::start(Arc::new(Registry::built_in()), settings(bootstrap, cluster), loggers());
        let worker = runtime.block_on(start)?;
        Ok(Self { _runtime: runtime, address: worker.address(), _worker: Box::new(worker), _dir: dir })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether statuses mean this worker: all are on this machine, so that their ports tell them apart.
    pub(super) fn is_called(&self, worker_id: &str) -> bool {
        worker_id.ends_with(&format!(":{}", self.address.port()))
    }
}

fn settings<const N: usize>(bootstrap: &str, own: [(&str, &str); N]) -> Settings {
    let common = [
        ("bootstrap.servers", bootstrap),
        ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("offset.flush.interval.ms", "200"),
        ("listeners", "http://127.0.0.1:0"),
    ];
    let all = common.into_iter().chain(own);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn loggers() -> Arc<Loggers> {
    Arc::new(Loggers::new("WARN", |_, _| {}))
}

async fn stand_alone(settings: Settings) -> Result<(Standalone, SocketAddr)> {
    let options = RestOptions::of(&settings).map_err(said)?;
    let server = RestServer::bind(options.address()).await?;
    let (registry, loggers, address) = (Arc::new(Registry::built_in()), loggers(), server.address());
    let parts = StandaloneParts {
        registry: Arc::clone(&registry),
        settings: settings.clone(),
        id: options.worker_id(address),
        levels: loggers.levels(),
        ends: false,
    };
    let standalone = Standalone::start(parts).await?;
    let rest = Rest::new(standalone.herder(), registry, &settings, loggers, options).map_err(said)?;
    tokio::spawn(server.serve(rest));
    Ok((standalone, address))
}

fn said(faults: Vec<Fault>) -> anyhow::Error {
    anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
