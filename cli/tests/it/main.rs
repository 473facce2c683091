//! The program `millstream` as its users meet it: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod connect;
mod consume;
mod dlq;
mod group;
mod memory;
mod produce;
mod program;
mod running;
mod server;
mod streams;
mod top;
mod topic;
mod topology;
mod worker;
mod worker_access;
mod worker_states;
