//! Ends of a topology that are no topics: what a [`stream.sink(...)`](crate::KStream::sink) writes to.
//!
//! An [`Outlet`] is what a program names; each task opens it once, and the [open one](OpenOutlet) takes the task's records. Taking
//! never waits: what writes them does so elsewhere, in its own time. Two things keep both together.
//!
//! ```text
//! task ─► take ─► (written elsewhere) ─► safe ─► settle says so ─► offsets are committed
//!   ▲                  │      │
//!   └── rests ◄── no room     └─► refused for good ─► error policy ─► dead letter, then the offsets
//! ```
//!
//! - An outlet that has [no room](OpenOutlet::has_room) makes its task rest. The others of its thread go on, and so does the group.
//! - A commit leaves out the tasks whose outlets are not [settled](OpenOutlet::settle), until they are: no offset is ahead of what the
//!   other side has. So a crash, or a sink that fails, means that something is written again, never that something is missing.
//!
//! A task that leaves, in a rebalance or at the end, has [a few seconds](crate::runtime) to settle; after that it goes without a
//! commit, and whoever has it next writes the same again.
//!
//! What is refused, or has no form on the other side, is a failure of stage [`Produce`](crate::errors::Stage::Produce) at the node:
//! its policy decides, else the application's. An outlet that cannot go on at all stops its task, whatever they say.
//!
//! `millstream_connect` makes an outlet of every Connect sink. In a [`TestDriver`](crate::testing::TestDriver) nothing is written:
//! [`outlet`](crate::testing::TestDriver::outlet) has the records, unless the test asks for the
//! [real thing](crate::testing::TestDriverBuilder::real_outlets).

mod node;

use std::sync::Arc;

use crate::processor::{Headers, ProcessError, Record};
use crate::task::TaskId;

pub use node::Captured;
pub(crate) use node::{Drain, factory};

/// Something outside of topics that a stream can end in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take records of `{K}` and `{V}`",
    note = "a Connect sink takes keys and values that serde can write: derive `Serialize`"
)]
pub trait Outlet<K, V>: Send + Sync + 'static {
    /// What it is, in a few words: a topology's description shows it.
    fn kind(&self) -> String;

    /// Whether it can be, looked at while the topology is built. Nothing is connected to.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Opens it for a task, at its first record. Does not wait: what goes wrong is told later.
    fn open(&self, by: Opener) -> Box<dyn OpenOutlet<K, V>>;
}

/// Who opens an outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opener {
    /// `application.id`; empty in a test.
    pub application_id: Arc<str>,
    /// The name of the node.
    pub node: String,
    /// The task. The same task may be opened elsewhere after this one is gone.
    pub task: TaskId,
}

/// An outlet as a task has it. Dropping it gives up what is not settled.
pub trait OpenOutlet<K, V> {
    /// Takes a record, which must stay in the order of those before it. Returns at once.
    ///
    /// # Errors
    /// The record has no form on the other side; nothing else.
    fn take(&mut self, record: Record<K, V>, from: Option<Place>) -> Result<(), ProcessError>;

    /// Whether there is room for more. Without it the task rests, and asks again.
    ///
    /// # Errors
    /// It cannot go on: the task stops.
    fn has_room(&mut self) -> Result<bool, ProcessError>;

    /// Asks for all that was taken to be made safe. Returns at once and is called again and again; `true`: all of it is safe on the
    /// other side, or was [refused](Self::take_refused).
    ///
    /// # Errors
    /// It cannot go on: the task stops.
    fn settle(&mut self) -> Result<bool, ProcessError>;

    /// What was refused for good since this was last asked.
    fn take_refused(&mut self) -> Vec<Refused>;

    /// What it has done so far.
    fn counts(&self) -> OutletCounts;
}

/// Where a record was read from which another one was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// How many others have come here of the same record before.
    pub nth: u32,
    /// Whether the same would come of it if it were read again: no node above keeps anything between records. Then topic,
    /// partition, offset and `nth` tell a record from all others, also after a crash.
    pub is_repeatable: bool,
    /// The input of the task.
    pub(crate) input: u16,
}

impl Place {
    /// A place, for tests of outlets: a task gives them out otherwise.
    pub fn new(topic: &str, partition: i32, offset: i64, nth: u32, is_repeatable: bool) -> Self {
        Self { topic: topic.into(), partition, offset, nth, is_repeatable, input: 0 }
    }
}

/// A record that the other side will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it came from, as it was given to [`OpenOutlet::take`].
    pub from: Option<Place>,
    /// Its key as bytes, for the dead letter.
    pub key: Option<Vec<u8>>,
    /// Its value as bytes.
    pub value: Option<Vec<u8>>,
    /// Its time in milliseconds.
    pub timestamp: i64,
    /// Its headers.
    pub headers: Headers,
    /// What the other side said.
    pub why: String,
}

/// What an open outlet has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutletCounts {
    /// Records that the other side has taken.
    pub written: u64,
    /// Attempts that are to be made again: of a record, or of all.
    pub retried: u64,
    /// Records that it will never take.
    pub refused: u64,
    /// Bytes of records that are not safe yet, about.
    pub held_bytes: u64,
}

impl OutletCounts {
    /// So many records are written, attempts to be made again, records refused, bytes held.
    pub fn new(written: u64, retried: u64, refused: u64, held_bytes: u64) -> Self {
        Self { written, retried, refused, held_bytes }
    }
}
