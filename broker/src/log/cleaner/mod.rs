//! Log compaction (Kafka: `LogCleaner`, `Cleaner`): the last record of each key is kept.

mod swap;

pub(super) use swap::finish_swaps;
