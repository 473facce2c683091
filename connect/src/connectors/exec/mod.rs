//! Programs as connectors: whatever has no connector of its own speaks lines of JSON with a child process.
//!
//! A source's child writes records to its standard output. With `format=lines` each line is a text; with `format=records` an
//! object, of which all but the value may be missing:
//!
//! ```json
//! {"value": {"a": 1}, "key": "k", "headers": {"from": "here"}, "timestamp": 1767225600000, "partition": 0, "position": {"page": 7}}
//! ```
//!
//! The position that was stored last stands in the child's environment as `MILLSTREAM_POSITION`. A child that ends with status 0
//! has said all that it had to say; one that fails is started again, later each time.
//!
//! A sink's child reads records from its standard input, each with an `id`, `topic`, `partition`, `offset`, `timestamp`, `key`,
//! `headers` and `value`, and answers each by a line, in any order:
//!
//! ```json
//! {"id": 1}
//! {"id": 2, "retry": "the disk is full", "after_ms": 5000}
//! {"id": 3, "reject": "no such customer"}
//! ```
//!
//! What it writes to its standard error goes to the log.

mod child;
mod pause;
mod sink;
mod source;

pub use sink::{ExecSink, ExecSinkOptions};
pub use source::{ExecSource, ExecSourceOptions, Spoken};
