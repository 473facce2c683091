//! Sockets: who may connect, bytes into requests, answers into bytes.
//!
//! ```text
//! listener -> connection: input -> dispatch -> api -> output
//! ```

mod admission;
mod complaints;
mod connection;
mod cursor;
mod dispatch;
mod input;
mod listener;
mod output;
mod put;
mod reply;
mod request_header;
mod send_file;

pub(crate) use admission::Admission;
pub(crate) use cursor::Cursor;
pub(crate) use dispatch::Fault;
pub(crate) use listener::{bind, listen};
pub(crate) use put::Put;
pub(crate) use reply::{Answer, Part, Reply, ReplyHeader, finish};
pub(crate) use request_header::RequestHeader;
