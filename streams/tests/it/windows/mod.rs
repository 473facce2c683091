//! Windowed aggregations.

mod application;
mod closing;
mod kafka;
mod mistakes;
mod reference;
mod restart;
mod serdes;
