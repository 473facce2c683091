//! Windowed aggregations.

mod application;
mod closing;
mod mistakes;
mod reference;
mod restart;
mod resume;
mod serdes;
