//! Millstream.
#[allow(dead_code, unused_imports, reason = "the shell that calls it follows")]
mod group;
