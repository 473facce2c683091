//! What a handler knows: the broker, and who asks.

use std::net::SocketAddr;
use std::sync::Arc;

use kafka_protocol::messages::BrokerId;

use crate::api::fetch::FetchSessions;
use crate::config::{Endpoint, Settings};
use crate::group::GroupCoordinator;
use crate::log::Logs;
use crate::metadata::Metadata;
use crate::server::RequestHeader;

/// The broker, as all connections share it.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) logs: Arc<Logs>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) fetch_sessions: Arc<FetchSessions>,
    /// The address that clients are told, if it is not simply the one they came in by.
    pub(crate) advertised: Option<Endpoint>,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The client's.
    pub(crate) remote: SocketAddr,
    /// Ours: the address by which this client reaches us.
    pub(crate) local: SocketAddr,
}

/// One request's surroundings.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub(crate) broker: Arc<Shared>,
    pub(crate) peer: Peer,
    pub(crate) header: RequestHeader,
}

impl RequestContext {
    pub(crate) fn version(&self) -> i16 {
        self.header.version
    }

    pub(crate) fn client_id(&self) -> &str {
        self.header.client_id()
    }

    pub(crate) fn node_id(&self) -> BrokerId {
        BrokerId(self.broker.settings.node_id)
    }

    /// Host and port under which this client finds this broker again.
    pub(crate) fn advertised(&self) -> (String, i32) {
        match &self.broker.advertised {
            Some(endpoint) => (endpoint.host.clone(), endpoint.port.into()),
            None => (self.peer.local.ip().to_string(), self.peer.local.port().into()),
        }
    }
}
