//! Asking a running application for its state.
//!
//! A query is a closure that the owner of the stores runs between two batches: it sees what the cache holds and takes no lock.
//! Instances ask each other the same over HTTP, so that any of them answers for all.
//!
//! Whoever can reach the port can read the stores: listen on loopback, or where only the instances and their users are. There is
//! no encryption and no login.

mod answer;
mod asker;
mod error;
mod http;
mod named;
mod owners;
mod pace;
mod peers;
mod routed;
mod served;
mod store;
#[cfg(test)]
mod tests;
mod windows;
mod wire;

pub use answer::{Answer, Position, Query, Staleness};
pub use error::QueryError;
pub use named::{QueryableStore, ServableStore};
pub use store::StoreView;
pub use windows::WindowStoreView;

pub(crate) use http::{router, serve};
pub(crate) use owners::Owners;
pub(crate) use pace::watch as watch_pace;
pub(crate) use peers::{PACE_PATH, Peers};
pub(crate) use served::Served;
