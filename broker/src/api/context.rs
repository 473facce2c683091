//! What a handler knows: the broker, and who asks.

use std::net::SocketAddr;
use std::sync::Arc;

use kafka_protocol::messages::BrokerId;

use crate::api::fetch::FetchSessions;
use crate::config::{Endpoint, Settings};
use crate::group::GroupCoordinator;
use crate::log::Logs;
use crate::metadata::Metadata;
use crate::metrics::Counters;
use crate::server::{Admission, RequestHeader};

/// The broker, as all connections share it.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) logs: Arc<Logs>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) fetch_sessions: Arc<FetchSessions>,
    /// Who may connect.
    pub(crate) admission: Arc<Admission>,
    /// What connections count.
    pub(crate) counters: Counters,
    /// The address that clients are told, if it is not simply the one they came in by.
    pub(crate) advertised: Option<Endpoint>,
}

#[cfg(test)]
impl Shared {
    /// A broker on a simulated disk, without threads of its own but those that flush.
    pub(crate) fn simulated(disk: &crate::storage::simulated::SimulatedStorage) -> Arc<Self> {
        use crate::log::LogsOptions;
        let node_id = millstream_wire::ids::NodeId(1);
        let options = LogsOptions { background: false, flushers: 2, ..LogsOptions::new("/data", node_id) };
        let logs = Logs::open(options, Arc::new(disk.clone())).unwrap();
        let settings = Settings::from_lookup(|_| None).unwrap();
        let metadata = Metadata::open(logs.clone(), &settings, Default::default()).unwrap();
        let groups = GroupCoordinator::new(metadata.clone(), &settings);
        let fetch_sessions = Arc::new(FetchSessions::new(2));
        let admission = Admission::new(2, 2);
        let counters = Counters::default();
        Arc::new(Self {
            settings,
            logs,
            metadata,
            groups,
            fetch_sessions,
            admission,
            counters,
            advertised: None,
        })
    }
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
