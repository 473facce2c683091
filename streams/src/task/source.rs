//! Where records enter a task.

use crate::processor::{Context, Headers, ProcessError};

/// A record as it lies in a fetched batch.
#[derive(Debug, Clone)]
pub struct RawRecord<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp in milliseconds.
    pub timestamp: i64,
    /// The key's bytes.
    pub key: Option<&'a [u8]>,
    /// The value's bytes.
    pub value: Option<&'a [u8]>,
    /// Its headers; one word when there are none.
    pub headers: Headers,
}

/// The node that gives a record its types.
pub(crate) trait Source {
    fn process(&self, raw: &RawRecord<'_>, cx: &mut Context<'_>) -> Result<(), ProcessError>;

    /// The largest time (ms) of its records so far; -1 before the first.
    fn partition_time(&self) -> i64;

    /// Goes on from what [`partition_time`](Self::partition_time) was before a restart.
    fn resume_at(&self, partition_time: i64);
}
