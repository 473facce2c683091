//! What travels through a task, and the one trait that every node of a task implements.

mod change;
mod context;
mod downstream;
mod error;
mod headers;
mod record;

pub use change::Change;
pub use context::Context;
pub(crate) use context::{ContextState, Load};
pub use downstream::Downstream;
pub(crate) use downstream::{Discard, FanOut};
pub use error::ProcessError;
pub use headers::{Header, Headers};
pub use record::Record;
