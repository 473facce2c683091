//! Where configurations come from: files, and references in them.

mod passwords;
pub mod properties;
mod secrets;
mod veil;

pub(crate) use passwords::is_password;
pub(crate) use secrets::is_reference;
pub use secrets::{SecretError, Secrets};
pub use veil::ConcealedLog;
pub(crate) use veil::Veil;
