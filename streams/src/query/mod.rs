//! Asking a running application for its state.
//!
//! A query is a closure that the owner of the stores runs between two batches: it sees what the cache holds and takes no lock.

mod answer;
mod asker;
mod error;
mod http;
mod named;
mod owners;
mod served;
mod store;
#[cfg(test)]
mod tests;
mod windows;

pub use answer::{Answer, Position, Query};
pub use error::QueryError;
pub use named::{QueryableStore, ServableStore};
pub use store::StoreView;
pub use windows::WindowStoreView;

pub(crate) use http::{Server, serve};
pub(crate) use owners::Owners;
pub(crate) use served::Served;
