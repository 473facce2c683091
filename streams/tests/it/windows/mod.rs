//! Windowed aggregations.

mod application;
mod kafka;
mod mistakes;
mod reference;
mod serdes;
