//! Numbers of the protocol that must not be mixed up, each a type of its own.

use std::fmt;

/// Declares a `Copy` newtype over one integer that prints as the integer.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

id! {
    /// Position of a record in a partition's log.
    Offset(i64)
}
id! {
    /// Generation of a partition's leader; -1 where the sender does not know it.
    LeaderEpoch(i32)
}
id! {
    /// Identity of an idempotent or transactional producer; -1 for a producer that is neither.
    ProducerId(i64)
}
id! {
    /// Generation of a [`ProducerId`]; a lower one is fenced. -1 goes with producer id -1.
    ProducerEpoch(i16)
}
id! {
    /// Identity of a broker or controller in its cluster.
    NodeId(i32)
}
id! {
    /// Number of a partition in its topic, from 0.
    PartitionIndex(i32)
}

impl Offset {
    /// The offset `records` further on. Wraps only on input that no log can hold.
    #[must_use]
    pub fn plus(self, records: i64) -> Self {
        Self(self.0.wrapping_add(records))
    }
}

impl ProducerId {
    /// What a batch carries when its producer has no id (`RecordBatch.NO_PRODUCER_ID`).
    pub const NONE: Self = Self(-1);

    /// Whether this names a producer at all.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

impl ProducerEpoch {
    /// The epoch that goes with [`ProducerId::NONE`].
    pub const NONE: Self = Self(-1);
}

impl LeaderEpoch {
    /// An epoch that is not known (`RecordBatch.NO_PARTITION_LEADER_EPOCH`).
    pub const NONE: Self = Self(-1);
}
