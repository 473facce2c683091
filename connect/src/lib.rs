//! Data in and out of topics: Kafka Connect's model, converters, transforms, connectors and REST surface.

// What the derive macros write names this crate from outside.
extern crate self as millstream_connect;

pub mod data;
pub mod herder;
pub mod http;
pub mod options;
