//! How many connections are served, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metrics::ConnectionMetrics;

/// Counts connections. The lock is held for a look-up only, at the opening and closing of connections.
#[derive(Debug)]
pub(crate) struct Admission {
    /// max.connections.
    max: usize,
    /// max.connections.per.ip.
    max_per_ip: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Let in since the start.
    accepted: u64,
    /// Not let in since the start, by [`Refused`]: for all, for their address.
    refused: [u64; 2],
    per_ip: HashMap<IpAddr, usize>,
}

/// Which limit a connection ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("max.connections={0} are open")]
    All(usize),
    #[error("max.connections.per.ip={0} are open from this address")]
    PerIp(usize),
}

/// A place taken by a connection, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    ip: IpAddr,
}

impl Admission {
    pub(crate) fn new(max: i32, max_per_ip: i32) -> Arc<Self> {
        let limit = |value| usize::try_from(value).unwrap_or(0);
        Arc::new(Self { max: limit(max), max_per_ip: limit(max_per_ip), counts: Mutex::default() })
    }

    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Refused> {
        let mut counts = self.counts.lock();
        if counts.all >= self.max {
            counts.refused[0] += 1;
            return Err(Refused::All(self.max));
        }
        if counts.per_ip.get(&ip).copied().unwrap_or(0) >= self.max_per_ip {
            counts.refused[1] += 1;
            return Err(Refused::PerIp(self.max_per_ip));
        }
        counts.all += 1;
        counts.accepted += 1;
        *counts.per_ip.entry(ip).or_default() += 1;
        Ok(Place { admission: self.clone(), ip })
    }

    /// What is told of it, with why connections have ended.
    pub(crate) fn metrics(&self, closed: Vec<(&'static str, u64)>) -> ConnectionMetrics {
        let counts = self.counts.lock();
        let [all, per_ip] = counts.refused;
        let refused = vec![("max.connections", all), ("max.connections.per.ip", per_ip)];
        ConnectionMetrics { open: counts.all, accepted: counts.accepted, refused, closed }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.all -= 1;
        if let Some(count) = counts.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.per_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn a_place_is_free_again_when_its_connection_has_gone() {
        let admission = Admission::new(3, 2);
        let first = admission.admit(A).unwrap();
        let _second = admission.admit(A).unwrap();
        assert_eq!(admission.admit(A).unwrap_err(), Refused::PerIp(2));
        let _third = admission.admit(B).unwrap();
        assert_eq!(admission.admit(B).unwrap_err(), Refused::All(3));
        drop(first);
        assert!(admission.admit(A).is_ok());
        let told = admission.metrics(Vec::new());
        assert_eq!((told.open, told.accepted), (2, 4));
        assert_eq!(told.refused, [("max.connections", 1), ("max.connections.per.ip", 1)]);
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let admission = Admission::new(3, 2);
        drop(admission.admit(A).unwrap());
        assert!(admission.counts.lock().per_ip.is_empty());
    }
}
