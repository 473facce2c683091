//! From a frame to the handler of its request.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use millstream_wire::frame::FrameError;
use millstream_wire::messages::api_name as wire_name;

use crate::api::{Peer, Shared, serve};
use crate::server::reply::Answer;
use crate::server::request_header::RequestHeader;

/// Why a request ends its connection instead of being answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Header(#[from] FrameError),
    #[error("{} version {version} is not served", api_name(*.api_key))]
    NotServed { api_key: i16, version: i16 },
    #[error("{0:?} version {1} is malformed: {2}")]
    Malformed(ApiKey, i16, String),
    #[error("{0:?} version {1} cannot express the answer")]
    Unencodable(ApiKey, i16),
    #[error("a log file cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("a produce with acks=0 failed for {topic}: {reason}: closing is the only way to tell the client")]
    UnacknowledgedProduce { topic: String, reason: String },
}

/// Serves the request in a frame.
pub(crate) fn dispatch(shared: &Arc<Shared>, peer: Peer, frame: Bytes) -> Result<Answer, Fault> {
    let (header, body) = RequestHeader::split(&frame)?;
    serve(shared, peer, header, body)
}

fn api_name(api_key: i16) -> String {
    wire_name(api_key).map_or_else(|| format!("API key {api_key}"), str::to_owned)
}
