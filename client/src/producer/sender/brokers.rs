//! The brokers as the sender sees them: connected or not, and how much is in flight to each.

use std::sync::Arc;

use hashbrown::HashMap;
use millstream_wire::ids::NodeId;

use crate::connection::Link;

/// One broker.
#[derive(Debug, Default)]
pub(super) struct Broker {
    pub(super) in_flight: usize,
    link: Connection,
}

#[derive(Debug, Default)]
enum Connection {
    #[default]
    None,
    Opening,
    Open(Arc<Link>),
}

/// What the sender can do about a broker now.
pub(super) enum Access {
    Open(Arc<Link>),
    /// Somebody must connect; the sender is told when that is done.
    Connect,
    /// Wait: for the connection, or for answers.
    Busy,
}

#[derive(Debug, Default)]
pub(super) struct Brokers(HashMap<NodeId, Broker>);

impl Brokers {
    /// The link to a broker with room for another request.
    pub(super) fn access(&mut self, id: NodeId, max_in_flight: usize) -> Access {
        let broker = self.0.entry(id).or_default();
        match &broker.link {
            // A throttled link is taken up again, as a new one is, when the silence is over.
            Connection::Open(link) if link.is_closed() || link.is_quiet() => {}
            Connection::Open(_) if broker.in_flight >= max_in_flight => return Access::Busy,
            Connection::Open(link) => return Access::Open(Arc::clone(link)),
            Connection::Opening => return Access::Busy,
            Connection::None => {}
        }
        broker.link = Connection::Opening;
        Access::Connect
    }

    pub(super) fn connected(&mut self, id: NodeId, link: Option<Arc<Link>>) {
        self.0.entry(id).or_default().link = link.map_or(Connection::None, Connection::Open);
    }

    pub(super) fn sent(&mut self, id: NodeId) {
        self.0.entry(id).or_default().in_flight += 1;
    }

    pub(super) fn answered(&mut self, id: NodeId) {
        if let Some(broker) = self.0.get_mut(&id) {
            broker.in_flight = broker.in_flight.saturating_sub(1);
        }
    }
}
