//! Administration: topics, configurations, groups, records. Results are typed, and every item has its own.

mod cluster;
mod configs;
mod groups;
mod records;
mod topics;

use std::sync::Arc;
use std::time::Instant;

pub use self::cluster::{BrokerInfo, ClusterDescription, LogDir, ReplicaSize};
pub use self::configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource};
pub use self::groups::{GroupDescription, GroupListing, GroupMember};
pub use self::topics::{CreatedTopic, NewTopic, PartitionDescription, TopicDescription, TopicListing};
use crate::cluster::Cluster;
use crate::config::{Configured, Key};
use crate::connection::{Link, Throttled};
use crate::offsets::pause_or_give_up;
use crate::runtime::Runtime;
use crate::{ClientConfig, ConfigError, Error, Result};

/// What became of each item of a call.
pub type PerItem<K, T> = Vec<(K, Result<T>)>;

/// The configuration of an [`Admin`], built up and then [`built`](Self::build).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AdminConfig {
    /// What every client has.
    pub client: ClientConfig,
}

impl AdminConfig {
    /// `bootstrap.servers`, comma-separated.
    #[must_use]
    pub fn bootstrap(mut self, servers: &str) -> Self {
        self.client.bootstrap_servers = crate::config::parse::list(servers);
        self
    }

    /// `client.id`.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client.client_id = id.into();
        self
    }

    /// Any setting by its name in Kafka.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the nearest known name, or [`ConfigError::Invalid`].
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.apply(name, value)?;
        Ok(self)
    }

    /// Starts the client on the tokio runtime of the caller, or on one of its own where there is none.
    ///
    /// # Errors
    /// A configuration that cannot work. Brokers that cannot be reached show at the first call.
    pub async fn build(self) -> Result<Admin> {
        self.build_blocking()
    }

    /// As [`Self::build`], for plain threads.
    ///
    /// # Errors
    /// A configuration that cannot work.
    pub fn build_blocking(self) -> Result<Admin> {
        let runtime = Runtime::current_or_own()?;
        let cluster = Arc::new(Cluster::start(self.client, false, runtime.clone())?);
        Ok(Admin { cluster, runtime })
    }
}

impl Configured for AdminConfig {
    const KEYS: &'static [Key<Self>] = &[];

    fn client(&mut self) -> &mut ClientConfig {
        &mut self.client
    }
}

/// Administers a cluster. Cheap to clone. Every call is repeated, where that may help, for
/// `default.api.timeout.ms`; on a plain thread use [`Admin::blocking`].
#[derive(Debug, Clone)]
pub struct Admin {
    cluster: Arc<Cluster>,
    runtime: Runtime,
}

/// Where a request belongs.
#[derive(Debug, Clone, Copy)]
enum To<'a> {
    Any,
    Controller,
    /// The coordinator of this group.
    Group(&'a str),
}

impl Admin {
    /// A configuration to fill in.
    #[must_use]
    pub fn builder() -> AdminConfig {
        AdminConfig::default()
    }

    /// Runs a call of this client to its end on a plain thread: `admin.blocking(admin.describe_cluster())`.
    ///
    /// # Errors
    /// Those of the call.
    pub fn blocking<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(call)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.cluster.config().default_api_timeout
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Sends what `make` builds for the version in use, again while connections fail or `failed` says so.
    async fn ask<R>(
        &self,
        to: To<'_>,
        make: impl Fn(i16) -> R + Send + Sync + 'static,
        failed: impl Fn(&R::Response) -> Result<()> + Send + Sync + 'static,
    ) -> Result<R::Response>
    where
        R: kafka_protocol::protocol::Request + Send + Sync + 'static,
        R::Response: Throttled + Send,
    {
        let (cluster, deadline) = (Arc::clone(&self.cluster), self.deadline());
        let group = match to {
            To::Group(group) => Some(crate::consumer::Coordinator::new(group)),
            _ => None,
        };
        let controller = matches!(to, To::Controller);
        let work = async move {
            cluster.ready(deadline).await?;
            let mut failures = 0;
            loop {
                let error = match once(&cluster, group.as_ref(), controller, &make, &failed).await {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                };
                if let Some(group) = &group {
                    group.heed(&error);
                }
                if !error.is_retriable() {
                    return Err(error);
                }
                failures += 1;
                pause_or_give_up(&cluster, failures, deadline, error).await?;
            }
        };
        self.runtime.run(work).await
    }
}

async fn once<R>(
    cluster: &Cluster,
    group: Option<&crate::consumer::Coordinator>,
    controller: bool,
    make: &(impl Fn(i16) -> R + Sync),
    failed: &(impl Fn(&R::Response) -> Result<()> + Sync),
) -> Result<R::Response>
where
    R: kafka_protocol::protocol::Request + Sync,
    R::Response: Throttled + Send,
{
    let link: Arc<Link> = match (group, controller) {
        (Some(group), _) => group.link(cluster).await?,
        (None, true) => cluster.controller().await?,
        (None, false) => cluster.any().await?,
    };
    let version = link.version::<R>(i16::MAX)?;
    let request = make(version);
    let response = link.call_at(&request, version, cluster.config().request_timeout).await?;
    failed(&response)?;
    Ok(response)
}

/// The outcome of one item.
fn outcome(code: i16, what: impl FnOnce() -> String, message: Option<&str>) -> Result<()> {
    match crate::ErrorCode::try_from_code(code) {
        None => Ok(()),
        Some(code) => Err(Error::broker_said(code, what(), message)),
    }
}
