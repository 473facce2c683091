//! Where configurations come from: files, and references in them.

mod address;
mod passwords;
pub mod properties;
mod secrets;
mod veil;

pub(crate) use address::{end_of_user, hidden, is_hidden, restored};
pub(crate) use passwords::{is_password, is_written};
pub use secrets::{SecretError, Secrets};
pub(crate) use secrets::{is_reference, strangers};
pub use veil::ConcealedLog;
pub(crate) use veil::Veil;
