//! HTTP: a source that is written to, a source that asks, a sink that sends.

mod body;
mod client;
mod headers;
mod poll;
mod sink;
mod template;
mod webhook;

pub use client::ClientOptions;
pub use poll::{HttpPollSource, PollOptions};
pub use sink::{HttpSink, HttpSinkOptions};
pub use webhook::{WebhookOptions, WebhookSource};
