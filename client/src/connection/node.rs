//! One broker: its address and the connection to it, made again when it breaks.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::{Backoff, Link};
use crate::config::ClientConfig;
use crate::runtime::Runtime;
use crate::{Error, Result};

/// A broker of the cluster, or a bootstrap address.
#[derive(Debug)]
pub(crate) struct Node {
    /// Follows the metadata when a broker moves. A blocking lock: held for a clone.
    address: Mutex<Arc<str>>,
    /// An async lock: whoever needs a connection waits for the one attempt under way instead of making another.
    slot: tokio::sync::Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    link: Option<Arc<Link>>,
    /// Attempts that failed in a row.
    failures: u32,
    /// No attempt before this (`reconnect.backoff.ms`).
    not_before: Option<Instant>,
}

impl Node {
    pub(crate) fn new(address: Arc<str>) -> Self {
        Self { address: Mutex::new(address), slot: tokio::sync::Mutex::default() }
    }

    pub(crate) fn address(&self) -> Arc<str> {
        self.address.lock().clone()
    }

    /// The next connection goes to `address`.
    pub(crate) fn moved_to(&self, address: Arc<str>) {
        *self.address.lock() = address;
    }

    /// The live connection, made if need be; waits out the backoff first, and makes one attempt.
    pub(crate) async fn link(&self, config: &ClientConfig, runtime: &Runtime) -> Result<Arc<Link>> {
        let mut slot = self.slot.lock().await;
        let address = self.address();
        if let Some(link) = slot.link.as_ref().filter(|link| !link.is_closed() && *link.address() == address)
        {
            return Ok(Arc::clone(link));
        }
        if let Some(at) = slot.not_before {
            tokio::time::sleep_until(at.into()).await;
        }
        match Link::open(address, config, runtime).await {
            Ok(link) => {
                let link = Arc::new(link);
                *slot = Slot { link: Some(Arc::clone(&link)), failures: 0, not_before: None };
                Ok(link)
            }
            Err(error) => Err(failed(&mut slot, config, error)),
        }
    }
}

fn failed(slot: &mut Slot, config: &ClientConfig, error: Error) -> Error {
    let backoff = Backoff { base: config.reconnect_backoff, max: config.reconnect_backoff_max };
    slot.failures = slot.failures.saturating_add(1);
    slot.not_before = Some(Instant::now() + backoff.delay(slot.failures));
    slot.link = None;
    error
}
