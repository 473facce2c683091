//! The structural walk: every message's bytes are checked before the message crate decodes them.
//!
//! The crate's readers allocate what an array's count asks for, so that twelve bytes abort the process. A walk goes
//! over the bytes by a table of the message's fields first, allocates nothing, and refuses
//!
//! - a length or count that the remaining bytes cannot hold,
//! - more than [`MAX_REQUEST_ELEMENTS`] or [`MAX_RESPONSE_ELEMENTS`] array elements, or [`MAX_TAGGED_FIELDS`]
//!   tagged fields, in one message: each is an object in memory many times its bytes,
//! - a null where the field has none, and a tagged field whose size is not that of its content.
//!
//! What passes, the crate decodes without an allocation that the bytes do not justify.

mod catalogue;
mod error;
mod program;
#[cfg(test)]
mod proof;
mod table;
mod walker;

use self::catalogue::{Slot, TABLE};
pub use self::error::{WalkError, WalkErrorKind};
use self::table::Kind;
use self::walker::Walker;

/// Array elements allowed in one request, all arrays together: each becomes some 200 bytes in a broker that serves
/// many such senders at once.
pub const MAX_REQUEST_ELEMENTS: u32 = 1 << 18;
/// Array elements allowed in one response: a client trusts its brokers further, and a large cluster's metadata has many.
pub const MAX_RESPONSE_ELEMENTS: u32 = 1 << 22;
/// Tagged fields allowed in one message, all structs together.
pub const MAX_TAGGED_FIELDS: u32 = 1 << 16;

/// Data that travels in a bytes field of a message and is decoded by whoever receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// What a consumer tells its group when it joins; behind a version of 16 bits.
    ConsumerProtocolSubscription,
    /// What the group's leader assigns to a consumer; behind a version of 16 bits.
    ConsumerProtocolAssignment,
}

/// Walks a request's body (what follows its header) and returns how many bytes it takes.
///
/// # Errors
/// When the bytes are not such a request.
pub fn walk_request(api_key: i16, version: i16, body: &[u8]) -> Result<usize, WalkError> {
    walk(TABLE.request(api_key), api_key, version, body)
}

/// Walks a response's body (what follows its header) and returns how many bytes it takes.
///
/// # Errors
/// When the bytes are not such a response.
pub fn walk_response(api_key: i16, version: i16, body: &[u8]) -> Result<usize, WalkError> {
    walk(TABLE.response(api_key), api_key, version, body)
}

/// Walks data whose version has been read and returns how many bytes it takes.
///
/// # Errors
/// When the bytes are not such data.
pub fn walk_data(data: Data, version: i16, body: &[u8]) -> Result<usize, WalkError> {
    walk(TABLE.data(data), -1, version, body)
}

/// Name of an API.
pub(crate) fn name(api_key: i16) -> Option<&'static str> {
    TABLE.request(api_key).map(|slot| slot.message.name)
}

/// Whether a version, known or not, has compact lengths and tagged fields.
pub(crate) fn is_flexible(api_key: i16, version: i16) -> bool {
    TABLE.request(api_key).is_some_and(|slot| version >= slot.message.flexible_from)
}

fn walk(slot: Option<&Slot>, api_key: i16, version: i16, body: &[u8]) -> Result<usize, WalkError> {
    let fail = |at, kind| {
        let message = slot.map_or_else(|| format!("API key {api_key}"), |slot| slot.message.title());
        WalkError { message, version, at, kind }
    };
    let slot = slot.ok_or_else(|| fail(0, WalkErrorKind::UnknownMessage))?;
    let program = slot.program(version).ok_or_else(|| fail(0, WalkErrorKind::UnknownVersion))?;
    let elements = match slot.message.kind {
        Kind::Response => MAX_RESPONSE_ELEMENTS,
        Kind::Request | Kind::Data => MAX_REQUEST_ELEMENTS,
    };
    match Walker::new(program, body, elements).walk() {
        Ok(rest) => Ok(body.len() - rest.len()),
        Err((kind, rest)) => Err(fail(body.len() - rest.len(), kind)),
    }
}
