//! Connections that end badly, said once in a while: a peer that sends nonsense all day must not fill the disk with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// A peer is complained about once in this time, for each kind of fault.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// Peers and kinds that are told apart; what comes beyond is counted as one.
const MAX_KNOWN: usize = 1024;

/// What was not said lately.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// At most [`MAX_KNOWN`], and the entry for all others.
    known: HashMap<Option<(IpAddr, &'static str)>, Count>,
}

/// One peer and kind.
#[derive(Debug)]
struct Count {
    /// When it was last said.
    said: Instant,
    /// Complaints since then.
    unsaid: u64,
}

/// Complaints that were counted and not said. Without a peer they are those of many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsaid {
    pub(super) about: Option<(IpAddr, &'static str)>,
    pub(super) count: u64,
}

impl Complaints {
    /// Takes note of a complaint. Returns whether to say it.
    pub(super) fn note(&mut self, peer: IpAddr, kind: &'static str, now: Instant) -> bool {
        let mut about = Some((peer, kind));
        if !self.known.contains_key(&about) && self.known.len() >= MAX_KNOWN {
            about = None;
        }
        match self.known.get_mut(&about) {
            Some(count) => {
                count.unsaid += 1;
                false
            }
            None => {
                self.known.insert(about, Count { said: now, unsaid: 0 });
                true
            }
        }
    }

    /// What was not said in the interval that is over, to be said now; who was silent since is forgotten.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Unsaid> {
        let mut due = Vec::new();
        self.known.retain(|about, count| {
            if now.duration_since(count.said) < INTERVAL {
                return true;
            }
            let unsaid = std::mem::take(&mut count.unsaid);
            count.said = now;
            if unsaid > 0 {
                due.push(Unsaid { about: *about, count: unsaid });
            }
            unsaid > 0
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn each_peer_and_kind_is_said_once_in_an_interval_and_the_rest_is_counted() {
        let (mut complaints, begin) = (Complaints::default(), Instant::now());
        assert!(complaints.note(peer(1), "frame", begin));
        for _ in 0..1000 {
            assert!(!complaints.note(peer(1), "frame", begin));
        }
        assert!(complaints.note(peer(1), "request", begin));
        assert!(complaints.note(peer(2), "frame", begin));
        assert_eq!(complaints.take_due(begin + INTERVAL / 2), []);
        let due = complaints.take_due(begin + INTERVAL);
        assert_eq!(due, [Unsaid { about: Some((peer(1), "frame")), count: 1000 }]);
        assert!(complaints.note(peer(2), "frame", begin + INTERVAL), "it was silent for an interval");
        assert!(!complaints.note(peer(1), "frame", begin + INTERVAL), "it was not");
        assert_eq!(complaints.take_due(begin + 2 * INTERVAL).len(), 1);
        assert_eq!(complaints.take_due(begin + 3 * INTERVAL), []);
        assert!(complaints.known.is_empty());
    }

    #[test]
    fn many_peers_are_counted_as_one() {
        let (mut complaints, begin) = (Complaints::default(), Instant::now());
        let said = (0..5000).filter(|number| complaints.note(peer(*number), "frame", begin)).count();
        assert_eq!((said, complaints.known.len()), (MAX_KNOWN + 1, MAX_KNOWN + 1));
        let unsaid = 5000 - MAX_KNOWN as u64 - 1;
        assert_eq!(complaints.take_due(begin + INTERVAL), [Unsaid { about: None, count: unsaid }]);
    }
}
