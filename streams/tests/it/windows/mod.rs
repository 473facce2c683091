//! Windowed aggregations.

mod kafka;
mod mistakes;
mod reference;
mod serdes;
