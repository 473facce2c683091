//! Files that grow: every line once, through rotation by renaming and by truncation, compression, and inodes that come again.

mod disk;
mod events;
mod family;
mod identity;
mod mark;
mod rescue;
#[cfg(test)]
mod simulation;
mod tailer;
mod tracked;

use events::Events;

/// What can be said of how files are followed.
#[derive(Debug, Clone)]
struct Settings {
    /// How their bytes become events.
    events: Events,
    /// How often the patterns are looked up.
    scan_ms: u64,
    /// How often known files are looked at.
    look_ms: u64,
    /// How long nothing comes until an event of several lines counts as complete.
    settle_ms: u64,
    /// How long nothing comes until a file that was moved away counts as left by its writer.
    rotate_wait_ms: u64,
    /// How many files are open at a time, but for those that have no name any more.
    max_open: usize,
    /// Whether files that are there at the very first start are followed from their end.
    from_end: bool,
}
