//! Asking a running application for its state.
//!
//! A query is a closure that the owner of the stores runs between two batches: it sees what the cache holds and takes no lock.
//! What is answered is the state of this instance's tasks.

mod error;
mod http;
mod named;
mod served;
mod store;
mod windows;

pub use error::QueryError;
pub use named::{QueryableStore, ServableStore};
pub use store::LocalStore;
pub use windows::LocalWindowStore;

pub(crate) use http::{Server, serve};
pub(crate) use served::Served;
pub(crate) use store::Owners;
