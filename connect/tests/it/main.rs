//! Connectors, each on the real thing.

mod open;
mod postgres;
mod prometheus;
