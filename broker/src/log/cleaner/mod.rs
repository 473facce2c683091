//! Log compaction (Kafka: `LogCleaner`, `Cleaner`): of every key the last record is kept.
//!
//! A pass over one log: the keys of its dirty segments go into an [offset map](offset_map), then all segments up to
//! there are rewritten without the records that the map knows a later one of, and [swapped](swap) in. The active
//! segment and what `min.compaction.lag.ms` protects are left alone. Offsets never change; the last batch of each
//! producer stays, if only empty, so that its sequence is known.

mod offset_map;
mod pass;
mod plan;
mod swap;
mod thread;

#[cfg(test)]
pub(super) use pass::Pass;
pub(super) use plan::Plan;
pub(super) use swap::finish_swaps;
pub(super) use thread::start;
