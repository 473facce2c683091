//! Data in and out of topics: Kafka Connect's model, converters, transforms, connectors and REST surface.
//!
//! A connector is a trait ([`Source`] or [`Sink`]) and a struct of [`options`]; everything else, from conversion to dead letters,
//! is the runtime's.

// What the derive macros write names this crate from outside.
extern crate self as millstream_connect;

pub mod config;
pub mod connectors;
pub mod data;
pub mod herder;
pub mod http;
pub mod options;
pub mod runtime;

mod about;
mod check;
mod error;
mod record;
mod registry;
mod sink;
mod source;

pub use about::About;
pub use async_trait::async_trait;
pub use check::{Finding, Severity};
pub use error::{ConnectError, TaskError};
pub use record::{Headers, Origin, Record, TimestampType};
pub use registry::{AnySink, AnySource, Plugin, Registry};
pub use sink::{Outcome, Replay, Sink, SinkContext, SinkTask, Written};
pub use source::{
    Receipt, Share, Source, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceTask,
};
