//! Where configurations come from: files, and references in them.

pub mod properties;
mod secrets;

pub(crate) use secrets::is_reference;
pub use secrets::{SecretError, Secrets};
