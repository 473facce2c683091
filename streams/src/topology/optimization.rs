//! Which rewrites of a topology are wanted.

use std::str::FromStr;

use super::TopologyError;

/// Rewrites that save topics; [`Topology::optimized`](super::Topology::optimized) applies them. They change which internal
/// topics there are, so an application that has state keeps to what it was started with.
///
/// ```
/// use millstream::topology::Optimization;
///
/// assert_eq!("all".parse(), Ok(Optimization::ALL)); // the values of Kafka's `topology.optimization`
/// assert_eq!("merge.repartition.topics".parse(), Ok(Optimization::NONE.merging_repartitions()));
/// assert!("some".parse::<Optimization>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimization {
    pub(super) merge_repartitions: bool,
    pub(super) reuse_source_topics: bool,
}

impl Optimization {
    /// None: the topology as the program drew it.
    pub const NONE: Self = Self { merge_repartitions: false, reuse_source_topics: false };

    /// All of them (`StreamsConfig.OPTIMIZE`).
    pub const ALL: Self = Self { merge_repartitions: true, reuse_source_topics: true };

    /// Sends a stream of new keys through one repartition topic, right after its keys changed, instead of one for each operator
    /// that groups or joins it (`merge.repartition.topics`).
    pub const fn merging_repartitions(mut self) -> Self {
        self.merge_repartitions = true;
        self
    }

    /// Rebuilds the table of a topic from that topic, instead of a changelog that says the same (`reuse.ktable.source.topics`).
    pub const fn reusing_source_topics(mut self) -> Self {
        self.reuse_source_topics = true;
        self
    }
}

impl FromStr for Optimization {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        let add = |wanted: Self, name: &str| match name.trim() {
            "none" => Ok(wanted),
            "all" => Ok(Self::ALL),
            "merge.repartition.topics" => Ok(wanted.merging_repartitions()),
            "reuse.ktable.source.topics" => Ok(wanted.reusing_source_topics()),
            // Streams are not joined with themselves here, so there is nothing to save.
            "single.store.self.join" => Ok(wanted),
            other => Err(TopologyError::UnknownOptimization(other.to_owned())),
        };
        text.split(',').try_fold(Self::NONE, add)
    }
}
