//! Tasks against a broker.

mod brake;
pub(crate) mod broker;
mod kept;
mod letters;
mod lines;
mod memory;
mod outage;
mod positions;
pub(crate) mod shelf;
mod sink;
mod source;
mod together;
pub(crate) mod worker;
