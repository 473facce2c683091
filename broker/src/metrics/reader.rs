//! How a broker's numbers are reached from outside of its threads.

use std::sync::Arc;

use parking_lot::RwLock;

use super::BrokerMetrics;
use crate::api::Shared;
use crate::error::BrokerError;

/// Reads the numbers of a broker, for as long as that runs: [`Broker::metrics_reader`](crate::Broker::metrics_reader). A copy does
/// not keep the broker's directory in use.
#[derive(Clone)]
pub struct MetricsReader(Observed);

/// A broker while it serves. Emptied before it closes its logs, which waits for whoever reads just then: its directory is free when
/// it says so.
#[derive(Clone)]
pub(crate) struct Observed(Arc<RwLock<Option<Arc<Shared>>>>);

impl Observed {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Arc::new(RwLock::new(Some(shared))))
    }

    pub(crate) fn reader(&self) -> MetricsReader {
        MetricsReader(self.clone())
    }

    /// Nobody reads any more.
    pub(crate) fn stop(&self) {
        *self.0.write() = None;
    }
}

impl MetricsReader {
    /// How it is doing now. It takes as long as there are partitions and groups to look at: some milliseconds for ten thousand.
    ///
    /// # Errors
    /// [`BrokerError::Stopped`].
    pub fn read(&self) -> Result<BrokerMetrics, BrokerError> {
        let serving = self.0.0.read();
        serving.as_deref().map(BrokerMetrics::of).ok_or(BrokerError::Stopped)
    }

    /// What writes the numbers down for Prometheus (text format 0.0.4), whenever it is called; nothing once the broker has stopped.
    pub fn page(self) -> impl Fn() -> String + Clone + Send + Sync + 'static {
        move || self.read().map_or_else(|_| String::new(), |metrics| metrics.to_prometheus())
    }
}

impl std::fmt::Debug for MetricsReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsReader").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
