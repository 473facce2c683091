//! A listening port, and what its clients may cost: under the queries of Streams, the REST API of Connect, and the connectors and
//! metrics that are asked or written to over HTTP.

mod connection;
mod places;
mod server;

use std::time::Duration;

pub use places::{Place, Places};
pub use server::Server;

/// What clients may cost. How long a body or an answer takes is for the router to bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time, each with one request at most that is being answered. Who comes next gets the place of
    /// whoever has had no request under way for longest, if that is longer than a second, and waits for one to end where all have.
    pub connections: usize,
    /// How long a new connection may take to its first whole head.
    pub head: Duration,
    /// How long the head of each further request may take from the end of the one before.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, head: Duration::from_secs(10), idle: Duration::from_secs(60) }
    }
}
