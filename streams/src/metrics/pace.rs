//! How an instance keeps up, beside the others of its application.

use serde::{Deserialize, Serialize};

use super::ThreadMetrics;

/// A lag (s) below which nobody is called behind, whatever the others have.
const BEHIND_SECONDS: f64 = 10.0;

/// How many times the lag of the others an instance has that is behind them.
const BEHIND_TIMES: f64 = 3.0;

/// How an instance keeps up, and how the others do. An instance that is behind them has more to do, or a slower machine, or a hot key;
/// where all are equally late there are too few.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pace {
    /// How old, in seconds, the last record is that has passed of the partition that is the farthest behind, while there are more;
    /// `None`: nothing is known of any.
    pub lag_seconds: Option<f64>,
    /// Records that its tasks read a second, over the last 10 to 20 seconds.
    pub records_per_second: f64,
    /// What the others said of themselves; `None`: there are no others, or none that answers. Instances know of each other where they
    /// answer queries ([`query_listen`](crate::runtime::AppBuilder::query_listen)).
    pub peers: Option<PeersPace>,
    /// Whether it is behind the others: by ten seconds or more, and three times as far as most of them.
    pub behind: bool,
}

/// How the other instances of an application keep up: the medians of those that have answered of late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PeersPace {
    /// How many have answered.
    pub instances: usize,
    /// Of those of whose lag anything is known.
    pub lag_seconds: Option<f64>,
    /// Records a second.
    pub records_per_second: f64,
}

/// What instances tell each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) records_per_second: f64,
}

impl Told {
    fn of(threads: &[ThreadMetrics]) -> Self {
        let tasks = || threads.iter().flat_map(|thread| &thread.tasks);
        let lags = tasks().flat_map(|task| &task.partitions).filter_map(|partition| partition.lag_seconds);
        Self {
            lag_seconds: lags.max_by(f64::total_cmp),
            records_per_second: tasks().map(|task| task.records_per_second).sum(),
        }
    }
}

impl Pace {
    /// The pace of an instance with these threads among others that have told theirs.
    pub(crate) fn of(threads: &[ThreadMetrics], peers: &[Told]) -> Self {
        Self::among(Told::of(threads), peers)
    }

    fn among(Told { lag_seconds, records_per_second }: Told, peers: &[Told]) -> Self {
        let peers = (!peers.is_empty()).then(|| PeersPace {
            instances: peers.len(),
            lag_seconds: median(peers.iter().filter_map(|told| told.lag_seconds)),
            records_per_second: median(peers.iter().map(|told| told.records_per_second)).unwrap_or_default(),
        });
        let others = peers.and_then(|peers| peers.lag_seconds);
        let behind = match (lag_seconds, others) {
            (Some(lag), Some(others)) => lag >= BEHIND_SECONDS && lag > BEHIND_TIMES * others,
            _ => false,
        };
        Self { lag_seconds, records_per_second, peers, behind }
    }

    /// What the others are told of it.
    pub(super) fn told(&self) -> Told {
        Told { lag_seconds: self.lag_seconds, records_per_second: self.records_per_second }
    }
}

/// The one in the middle; of an even number the lower of the two, so that of two instances each is measured by the other.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lag: impl Into<Option<f64>>) -> Told {
        Told { lag_seconds: lag.into(), records_per_second: 5.0 }
    }

    #[test]
    fn an_instance_is_behind_that_is_far_behind_most_others() {
        let behind = |lag: f64, others: &[f64]| {
            let others: Vec<Told> = others.iter().map(|lag| told(*lag)).collect();
            Pace::among(told(lag), &others).behind
        };
        assert!(behind(30.0, &[0.0, 0.5, 9.0]));
        assert!(behind(30.0, &[0.0, 1.0, 60.0]), "one of them is worse, most are not");
        assert!(!behind(30.0, &[11.0, 12.0, 13.0]), "all are late");
        assert!(!behind(9.9, &[0.0, 0.0]), "it is not much");
        assert!(!behind(30.0, &[]), "there are no others");
        assert!(behind(30.0, &[0.1]) && !behind(0.1, &[30.0]), "each of two is measured by the other");
    }

    #[test]
    fn who_knows_nothing_of_its_lag_is_not_asked_for_it() {
        let pace = Pace::among(told(20.0), &[told(None), told(1.0), told(None)]);
        assert_eq!(
            pace.peers.unwrap(),
            PeersPace { instances: 3, lag_seconds: Some(1.0), records_per_second: 5.0 }
        );
        assert!(pace.behind);
        assert!(!Pace::among(told(None), &[told(1.0)]).behind);
        assert!(!Pace::among(told(20.0), &[told(f64::NAN)]).behind);
    }
}
