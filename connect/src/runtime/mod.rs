//! Runs the tasks of connectors: what decides is in pure machines ([`Brake`], [`RetryBudget`], a sink's lanes, a source's ledger),
//! what waits is in the runs of sources and sinks.

mod backoff;
mod brake;
mod clients;
mod conversion;
mod dead_letter;
mod environment;
mod error;
mod exposition;
mod failure;
mod lens;
mod memory;
mod meter;
mod offsets;
mod options;
mod positions;
mod sink;
mod source;
mod standing;
mod subscription;
mod task;
mod topics;
mod undertaker;
mod validate;
mod worker;

pub use backoff::{Attempts, RetryBudget};
pub use brake::Brake;
pub use clients::OverridePolicy;
pub(crate) use clients::{Clients, faults_of_worker, inherited};
#[cfg(feature = "streams")]
pub(crate) use conversion::Encoded;
pub use dead_letter::headers as dead_letter_headers;
pub use error::RunError;
pub use exposition::{MetricsServer, exposition};
pub(crate) use lens::{Lens, Seen};
pub use memory::{MemoryBudget, Room};
pub use meter::{StageSeconds, TaskMetrics};
pub(crate) use options::all_of;
pub use options::{
    ConnectorOptions, ErrorOptions, ExactlyOnce, Reload, SinkOptions, SourceOptions, Tolerance,
};
pub use positions::{PositionError, PositionFile, Positions};
pub(crate) use sink::bisect;
#[cfg(feature = "streams")]
pub(crate) use sink::lanes::{Lanes, Slot, Taken};
pub use standing::{Standing, TaskStanding};
pub(crate) use subscription::Subscription;
#[cfg(feature = "streams")]
pub(crate) use task::panicked;
pub use validate::{concealed, converter_faults, faults, warnings};
pub use worker::{TaskRunner, WorkerOptions};
