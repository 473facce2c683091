//! Data in and out of topics: Kafka Connect's model, converters, transforms, connectors and REST surface.
//!
//! A connector is a trait ([`Source`] or [`Sink`]) and a struct of [`options`]; everything else, from conversion to dead letters,
//! is the runtime's.

// What the derive macros write names this crate from outside.
extern crate self as millstream_connect;

mod about;
mod cache;
mod check;
pub mod config;
pub mod connectors;
pub mod converters;
pub mod data;
pub mod distributed;
mod error;
pub mod herder;
mod host;
pub mod http;
pub mod options;
#[cfg(feature = "streams")]
pub mod outlet;
pub mod predicates;
mod record;
mod reference;
mod registry;
pub mod rest;
pub mod runtime;
pub mod settings;
mod sink;
mod source;
pub mod standalone;
pub mod transforms;

pub use about::About;
pub use async_trait::async_trait;
pub use check::{Finding, Severity};
pub use error::{ConnectError, TaskError};
#[cfg(feature = "streams")]
pub use outlet::SinkTo;
pub use record::{Headers, Origin, Record, TimestampType};
pub use reference::Named;
pub use registry::{AnySink, AnySource, Plugin, Registry};
pub use sink::{Assigned, Forget, Outcome, Replay, Sink, SinkContext, SinkTask, Written};
pub use source::{
    End, Receipt, Share, Source, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceTask,
};
