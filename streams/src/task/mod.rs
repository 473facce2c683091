//! Tasks: one partition's worth of a sub-topology, run by one thread. Synchronous, without input or output of its own.

mod assembly;
mod budget;
mod core;
mod error;
mod id;
mod outlets;
mod schedule;
mod sink;
mod source;
mod stores;

pub use budget::{TimeBudget, Unlimited};
pub use core::{InputId, Task, TaskEnv};
pub use error::{At, Failure, TaskError};
pub use id::{NoTaskId, TaskId};
pub use schedule::{PunctuationKind, Punctuator};
pub(crate) use sink::Nowhere;
pub use sink::{RecordSink, SinkError, TopicHandle};
pub use source::RawRecord;
pub use stores::{Standing, TaskStores};

pub(crate) use assembly::{Assembly, Flush, StoreParts, erase, pass};
pub(crate) use schedule::Schedule;
pub(crate) use source::Source;
