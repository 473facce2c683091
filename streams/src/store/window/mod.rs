//! Window stores: what is kept of a key is kept by window, and goes when the window is older than the retention.
//!
//! ```text
//! in a store      start (8 bytes, big-endian, ms) ++ key bytes
//! in a changelog  key bytes ++ start (8 bytes, big-endian, ms) ++ sequence number (4 bytes, 0)
//! ```
//!
//! The changelog has Kafka's `WindowKeySchema`, so that a program can move here with its state. A store has the time first, as
//! Kafka's `TimeFirstWindowKeySchema`: windows close and expire by time, and the window that is being written lies together.

pub(crate) mod key;
pub mod memory;
mod name;
mod read;

pub use name::WindowStore;

/// The start (ms) of the earliest window that is kept when the latest starts at `newest`.
pub(crate) fn live_from(newest: i64, retention_ms: i64) -> i64 {
    (newest - retention_ms + 1).max(0)
}
