//! Tasks against a broker.

mod broker;
mod lines;
mod shelf;
mod sink;
mod source;
mod worker;
