//! Connectors, each on the real thing.

mod files;
mod open;
mod postgres;
mod prometheus;
mod runtime;
