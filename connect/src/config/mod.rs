//! Where configurations come from: files, and references in them.

pub mod properties;
mod secrets;

pub use secrets::{SecretError, Secrets};
