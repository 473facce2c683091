//! Sockets: one connection per broker, requests pipelined on it, answers matched by order and correlation id.

mod backoff;
mod buffers;
mod exchange;
#[cfg(test)]
mod fake;
mod frame;
mod link;
mod node;
mod socket;
mod throttle;
mod versions;

pub(crate) use backoff::Backoff;
pub(crate) use frame::{Frame, encode};
pub(crate) use link::Link;
pub(crate) use node::Node;
pub(crate) use throttle::Throttled;
