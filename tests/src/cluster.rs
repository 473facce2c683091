//! The broker under test.

use std::env;
use std::path::PathBuf;

use anyhow::Result;
use millstream_broker::{Broker, BrokerConfig};

/// Where the Makefile and the tests keep what they build and fetch.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default());
    env::var_os("MILLSTREAM_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let caches =
            env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| home().join(".cache"));
        caches.join("millstream")
    })
}

/// A broker of this process, or the one that `MILLSTREAM_TEST_BOOTSTRAP` names: so that the judges themselves can be
/// tried on Apache Kafka.
pub struct Cluster {
    /// Held for its life alone: dropped, it stops.
    _embedded: Option<Broker>,
    bootstrap: String,
}

impl Cluster {
    /// Starts a broker with empty data on a free port.
    pub fn start() -> Result<Self> {
        if let Ok(bootstrap) = env::var("MILLSTREAM_TEST_BOOTSTRAP") {
            return Ok(Self { _embedded: None, bootstrap });
        }
        let broker = Broker::start_blocking(BrokerConfig::ephemeral())?;
        Ok(Self { bootstrap: broker.bootstrap(), _embedded: Some(broker) })
    }

    /// `HOST:PORT` for clients.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

/// A name that no other test, nor another run against the same cluster, uses.
pub fn unique(name: &str) -> String {
    format!("{name}-{:08x}", rand::random::<u32>())
}
