//! The client against a broker: ours by default, and any other given by `MILLSTREAM_PEER_BOOTSTRAP`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod admin;
mod broker;
mod changes;
mod consume;
mod faults;
mod group;
mod produce;
mod truncation;
mod two_nodes;
