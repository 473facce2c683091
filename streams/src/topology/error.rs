//! Why a topology cannot be built.

use thiserror::Error;

/// A mistake in a topology that only shows when it is whole.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two nodes carry one name.
    #[error("two nodes are named {0:?}; names given with `.named` must differ")]
    DuplicateNode(String),
    /// Two stores carry one name.
    #[error("two stores are named {0:?}; a store belongs to one operator")]
    DuplicateStore(String),
    /// One store is opened as different ones.
    #[error("store {0:?} is opened with different types or options; share one constant")]
    ConflictingStores(String),
    /// A processor reads a store that is not there.
    #[error("a processor reads store {0:?}, which nothing before it makes; a store of its own it opens")]
    UnknownStore(String),
    /// A processor opens a store that is filled from its topic, by a processor of its own.
    #[error("store {0:?} is filled from its topic alone: other processors read it and do not open it")]
    ReadOnlyStoreOpened(String),
    /// Two sources of different types read one topic.
    #[error("topic {0:?} is read twice with different types; read it once and share the stream")]
    ConflictingSources(String),
    /// Two sources read some topics both and some not.
    #[error(
        "topics {0:?} and {1:?} are read as one stream each, and overlap: read the same topics in both, or every topic once and merge the streams"
    )]
    OverlappingSources(Vec<String>, Vec<String>),
    /// A pattern of topics that is none.
    #[error("{0:?} is no regular expression for names of topics")]
    InvalidPattern(String),
    /// A pattern takes a topic that another source reads by its name.
    #[error(
        "pattern {0:?} matches topic {1:?}, which is read by its name too; a topic is read by one source"
    )]
    PatternTakesTopic(String, String),
    /// Two streams of one topic are to begin at different places.
    #[error("topic {0:?} is read twice with different offset resets; a topic is read once, from one place")]
    ConflictingResets(String),
    /// A repartition topic without partitions.
    #[error("the repartition topic {0:?} is to have no partitions; it needs one at least")]
    NoPartitions(String),
    /// Two streams that meet in one operator come from different builders.
    #[error("two streams of different builders cannot meet; make both with one `StreamsBuilder`")]
    ForeignStream,
    /// A name that cannot be part of a topic name.
    #[error("{0:?} is no name for a node or store: letters, digits, '.', '_' and '-', at most 249 of them")]
    InvalidName(String),
    /// Windows that cannot be, or that their store does not keep long enough.
    #[error("{0}")]
    InvalidWindows(String),
    /// A name that `topology.optimization` does not know.
    #[error(
        "{0:?} is no optimization: none, all, or some of merge.repartition.topics, reuse.ktable.source.topics, single.store.self.join"
    )]
    UnknownOptimization(String),
    /// An outlet that cannot be.
    #[error("the outlet {kind}: {why}")]
    Outlet {
        /// What it is.
        kind: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing was added to the builder.
    #[error("the topology reads no topic; start with `builder.stream(topic)` or `builder.table(topic)`")]
    Empty,
}
