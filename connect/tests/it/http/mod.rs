//! The HTTP connectors, before curl and before a server that misbehaves.

mod kills;
mod poll;
mod sink;
mod webhook;
