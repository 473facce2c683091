//! Tasks against a broker.

pub(crate) mod broker;
mod kept;
mod lines;
mod positions;
pub(crate) mod shelf;
mod sink;
mod source;
pub(crate) mod worker;
