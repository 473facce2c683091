//! The pure core of the sender: which batch may leave when, with which sequence, and what an answer means.
//!
//! Nothing here knows sockets or clocks. The rules, per partition:
//! - Batches leave in the order they were sealed, `max.in.flight` of them at a time.
//! - A batch that must be sent again leaves alone: nothing follows until it has its answer. So a refused batch
//!   cannot be overtaken.
//! - A batch that failed for good leaves a gap in the sequence. What follows gets a new epoch and starts at 0, but
//!   only once it is certain that the broker does not have it already: until then it keeps its old stamp, under
//!   which the broker recognises it.

mod answer;
mod batch;
mod identity;
mod lane;
#[cfg(test)]
mod simulation;

pub(crate) use answer::{Answer, Verdict};
pub(crate) use batch::{Batch, Part, SPLIT_DECOMPRESSED_MAX, unsplittable};
pub(crate) use identity::{Identities, Identity};
pub(crate) use lane::{Lane, Limits};
