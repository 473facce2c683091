//! Running a topology: threads, membership, restore, and the handle that a program holds.

mod app;
mod assignment;
mod builder;
mod clock;
mod cluster;
mod cluster_link;
mod config;
mod error;
mod global;
mod input;
mod link;
mod mailbox;
mod offset_metadata;
mod offset_sums;
mod punctuation_budget;
mod refusals;
mod restore_line;
mod shared;
mod sink;
mod standby;
mod state;
mod state_directory;
mod stores;
mod stream_thread;
mod supervisor;
pub(crate) mod topics;
mod uncaught;
mod worker;

pub use crate::metrics::Metrics;
pub use app::{Closing, Streams};
pub(crate) use assignment::{Host, Hosts, KnownHosts, Role};
pub use builder::AppBuilder;
pub use error::{ConfigError, StreamsError};
pub use link::{LinkError, TopicPartition};
#[cfg(test)]
pub(crate) use mailbox::{LocalTask, mailbox};
pub(crate) use mailbox::{LocalTasks, Mail, Mailbox, Mailboxes};
pub use standby::StandbyStore;
pub(crate) use standby::StandbyTask;
pub use state::AppState;
pub use state_directory::{StateDirectory, StateDirectoryError};
pub use topics::TopicError;
pub use uncaught::UncaughtResponse;
pub use worker::{Arrival, RestoreProgress, WorkerError};
