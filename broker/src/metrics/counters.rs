//! What the connections of a broker count: once a request, in atomics that nobody waits for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kafka_protocol::messages::ApiKey;
use parking_lot::Mutex;

use super::{RequestMetrics, Timing, error_name};
use crate::api::SERVED;

/// Shared by all connections of a broker, which count, and by whoever asks.
#[derive(Debug)]
pub(crate) struct Counters {
    /// In the order of [`SERVED`].
    requests: Box<[Requests]>,
    /// By API and code. Errors are rare, and where they are not, a short lock is the least of the trouble; bounded by the APIs
    /// and Kafka's codes.
    errors: Mutex<BTreeMap<(i16, i16), u64>>,
    /// Connections that have ended, in the order of [`Ending::ALL`].
    endings: [AtomicU64; Ending::ALL.len()],
    /// When the broker was started, in ms since 1970.
    pub(super) started_ms: i64,
}

/// The requests of one API.
#[derive(Debug, Default)]
struct Requests {
    /// From a whole request to its answer.
    took: Timing,
    /// Those that wait: for durability, for data, for the members of a group, for an earlier answer of their connection.
    waiting: AtomicU64,
}

/// A request that is being served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    /// Its place in [`SERVED`]; `None` for what is not served, which ends the connection.
    row: Option<usize>,
    at: Instant,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it, or went away.
    ByClient,
    /// The broker stops.
    ByServer,
    /// `connections.max.idle.ms`.
    Idle,
    /// It brought what is no frame.
    BadFrame,
    /// It brought a request that cannot be read, or that was never offered.
    BadRequest,
}

impl Ending {
    pub(super) const ALL: [Self; 5] =
        [Self::ByClient, Self::ByServer, Self::Idle, Self::BadFrame, Self::BadRequest];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::ByServer => "broker_stops",
            Self::Idle => "idle",
            Self::BadFrame => "bad_frame",
            Self::BadRequest => "bad_request",
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            requests: SERVED.iter().map(|_| Requests::default()).collect(),
            errors: Mutex::default(),
            endings: Default::default(),
            started_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl Counters {
    /// A request of this API has arrived whole.
    pub(crate) fn begin(api_key: Option<i16>) -> Begun {
        let row = api_key.and_then(|key| SERVED.iter().position(|row| row.api_key as i16 == key));
        Begun { row, at: Instant::now() }
    }

    /// Its answer is there.
    pub(crate) fn end(&self, begun: Begun) {
        if let Some(requests) = self.of(begun) {
            requests.took.record(begun.at.elapsed());
        }
    }

    /// Its answer has to wait. To be followed by one [`Self::no_longer_waiting`], whatever becomes of it.
    pub(crate) fn waiting(&self, begun: Begun) {
        if let Some(requests) = self.of(begun) {
            requests.waiting.fetch_add(1, Relaxed);
        }
    }

    /// It does not wait any more: it is answered, or its connection has ended.
    pub(crate) fn no_longer_waiting(&self, begun: Begun) {
        if let Some(requests) = self.of(begun) {
            requests.waiting.fetch_sub(1, Relaxed);
        }
    }

    fn of(&self, begun: Begun) -> Option<&Requests> {
        self.requests.get(begun.row?)
    }

    /// An answer has this error code; 0 is none.
    pub(crate) fn failed(&self, api_key: ApiKey, code: i16) {
        if code != 0 {
            *self.errors.lock().entry((api_key as i16, code)).or_default() += 1;
        }
    }

    pub(crate) fn ended(&self, ending: Ending) {
        self.endings[ending as usize].fetch_add(1, Relaxed);
    }

    /// Connections that have ended, by why they did.
    pub(super) fn endings(&self) -> Vec<(&'static str, u64)> {
        Ending::ALL
            .iter()
            .map(|ending| (ending.name(), self.endings[*ending as usize].load(Relaxed)))
            .collect()
    }

    /// The APIs that were asked for at least once.
    pub(super) fn requests(&self) -> Vec<RequestMetrics> {
        let errors = self.errors.lock().clone();
        let errors_of = |key: i16| {
            errors
                .range((key, i16::MIN)..=(key, i16::MAX))
                .map(|((_, code), count)| (error_name(*code), *count))
                .collect()
        };
        let told = SERVED.iter().zip(&self.requests).map(|(row, requests)| RequestMetrics {
            api: format!("{:?}", row.api_key),
            took: requests.took.read(),
            waiting: requests.waiting.load(Relaxed),
            errors: errors_of(row.api_key as i16),
        });
        told.filter(|told| told.took.count() > 0 || told.waiting > 0 || !told.errors.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_api_and_errors_by_name() {
        let counters = Counters::default();
        assert_eq!(counters.requests(), []);
        let waits = Counters::begin(Some(ApiKey::Fetch as i16));
        counters.waiting(waits);
        counters.end(Counters::begin(Some(ApiKey::Produce as i16)));
        counters.end(Counters::begin(Some(9_999)));
        counters.failed(ApiKey::Produce, 3);
        counters.failed(ApiKey::Produce, 0);
        let told = counters.requests();
        let seen = |at: usize| (told[at].api.as_str(), told[at].took.count(), told[at].waiting);
        assert_eq!((told.len(), seen(0), seen(1)), (2, ("Produce", 1, 0), ("Fetch", 0, 1)));
        assert_eq!(told[0].errors, [("UNKNOWN_TOPIC_OR_PARTITION".to_owned(), 1)]);
        counters.no_longer_waiting(waits);
        assert_eq!(counters.requests().len(), 1);
    }
}
