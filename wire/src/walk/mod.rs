//! The structural walk: every message's bytes are checked before the message crate decodes them.
//!
//! The crate's readers allocate what an array's count asks for, so that twelve bytes abort the process. A walk goes
//! over the bytes by a table of the message's fields first, allocates nothing, and refuses
//!
//! - a length or count that the remaining bytes cannot hold,
//! - more than [`MAX_ELEMENTS`] array elements or [`MAX_TAGGED_FIELDS`] tagged fields in one message: each is an
//!   object in memory many times its bytes,
//! - a null where the field has none, and a tagged field whose size is not that of its content.
//!
//! What passes, the crate decodes without an allocation that the bytes do not justify.

mod program;
#[cfg(test)]
mod proof;
mod table;
mod walker;

use std::sync::{LazyLock, OnceLock};

use self::program::Program;
use self::table::{Kind, Message};
use self::walker::Walker;

/// Array elements allowed in one message, all arrays together.
pub const MAX_ELEMENTS: u32 = 1 << 20;
/// Tagged fields allowed in one message, all structs together.
pub const MAX_TAGGED_FIELDS: u32 = 1 << 16;

/// Bytes that are no message, and which message they were taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} version {version}, byte {at}: {kind}")]
pub struct WalkError {
    /// Name of the message, or of the API key if that is unknown.
    pub message: String,
    /// Version it was walked as.
    pub version: i16,
    /// How many bytes were walked before the fault.
    pub at: usize,
    /// The fault.
    pub kind: WalkErrorKind,
}

/// What a walk found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkErrorKind {
    /// No such API key.
    #[error("there is no such message")]
    UnknownMessage,
    /// The API has no such version.
    #[error("there is no such version")]
    UnknownVersion,
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A negative length other than null, or one over 2 GiB.
    #[error("a length is {0}")]
    BadLength(i64),
    /// A null in a field that has none.
    #[error("null stands where a value must")]
    Null,
    /// An array's count that the remaining bytes cannot hold.
    #[error("an array claims {count} elements and {remaining} bytes remain")]
    Count {
        /// The claim.
        count: usize,
        /// Bytes after the count.
        remaining: usize,
    },
    /// More than [`MAX_ELEMENTS`].
    #[error("over {MAX_ELEMENTS} array elements; send less in one message")]
    TooManyElements,
    /// More than [`MAX_TAGGED_FIELDS`].
    #[error("over {MAX_TAGGED_FIELDS} tagged fields")]
    TooManyTags,
    /// A known tagged field that does not fill its declared size.
    #[error("tagged field {tag} is not as long as it claims")]
    TagSize {
        /// The field's tag.
        tag: u32,
    },
}

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

/// Versions of an API that can be walked.
pub(crate) fn versions(api_key: i16) -> Option<std::ops::RangeInclusive<i16>> {
    TABLE.request(api_key).map(|slot| slot.message.lowest..=slot.message.highest)
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
    match Walker::new(program, body).walk() {
        Ok(rest) => Ok(body.len() - rest.len()),
        Err((kind, rest)) => Err(fail(body.len() - rest.len(), kind)),
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::load);

/// Every message, by kind and API key.
struct Table {
    requests: Vec<Option<Slot>>,
    responses: Vec<Option<Slot>>,
    data: Vec<Slot>,
}

/// A message and its versions, compiled when first walked.
struct Slot {
    message: Message,
    /// From the lowest version to the highest.
    programs: Box<[OnceLock<Program>]>,
}

impl Table {
    fn load() -> Self {
        #[expect(clippy::expect_used, reason = "the table is part of the binary and a test parses all of it")]
        let messages = table::messages().expect("the table of messages parses");
        let mut table = Self { requests: Vec::new(), responses: Vec::new(), data: Vec::new() };
        for message in messages {
            let slot = Slot::new(message);
            match message.kind {
                Kind::Request => place(&mut table.requests, slot),
                Kind::Response => place(&mut table.responses, slot),
                Kind::Data => table.data.push(slot),
            }
        }
        table
    }

    fn request(&self, key: i16) -> Option<&Slot> {
        self.requests.get(usize::try_from(key).ok()?)?.as_ref()
    }

    fn response(&self, key: i16) -> Option<&Slot> {
        self.responses.get(usize::try_from(key).ok()?)?.as_ref()
    }

    fn data(&self, data: Data) -> Option<&Slot> {
        let name = match data {
            Data::ConsumerProtocolSubscription => "ConsumerProtocolSubscription",
            Data::ConsumerProtocolAssignment => "ConsumerProtocolAssignment",
        };
        self.data.iter().find(|slot| slot.message.name == name)
    }
}

/// Puts a slot at the index of its API key.
fn place(slots: &mut Vec<Option<Slot>>, slot: Slot) {
    let index = usize::from(slot.message.key.unsigned_abs());
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    slots[index] = Some(slot);
}

impl Slot {
    fn new(message: Message) -> Self {
        let programs = (message.lowest..=message.highest).map(|_| OnceLock::new()).collect();
        Self { message, programs }
    }

    fn program(&self, version: i16) -> Option<&Program> {
        let index = usize::try_from(version.checked_sub(self.message.lowest)?).ok()?;
        #[expect(
            clippy::expect_used,
            reason = "the table is part of the binary and a test compiles all of it"
        )]
        let compile = || Program::compile(&self.message, version).expect("the table of messages compiles");
        Some(self.programs.get(index)?.get_or_init(compile))
    }
}
