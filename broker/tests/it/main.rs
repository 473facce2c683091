//! The broker from outside: every API by a raw client, hostile input, life and death.

mod admin;
mod apis;
mod client;
mod configs;
mod fetch;
mod hostile;
mod lifecycle;
mod produce;
