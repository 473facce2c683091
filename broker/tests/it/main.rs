//! The broker from outside: every API by a raw client, hostile input, life and death.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod admin;
mod apis;
mod client;
mod configs;
mod corners;
mod effective;
mod effects;
mod fetch;
mod groups;
mod hostile;
mod lifecycle;
mod metrics;
mod produce;
