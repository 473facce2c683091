//! The fields of every message, as text, and its parser.
//!
//! `messages.txt` is written by `tools/walk_table.py` from the definitions in the Kafka clients' jar (4.3.1). A block
//! per message, words between spaces:
//!
//! ```text
//! request 0 Produce 3-13 flexible 9        kind, API key, name, versions, first flexible version or none
//!  TransactionalId@3+?:string              name @versions ?nullable-versions #tag : type
//!  TopicData:[                             an array of structs, its fields up to ]
//!   Name@0-12:string Partitions:[]int32    an array of plain values
//!  ]
//!  Cursor?:{                               one struct, its fields up to }
//!  }
//! end
//! ```
//!
//! Versions that are not given are those of the struct around (for `?`: those of the field).

use std::ops::RangeInclusive;

const TEXT: &str = include_str!("messages.txt");

/// Where in the table a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
    Data,
}

/// A message's first line, and its fields still as text: most are never needed in a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// API key; -1 for data.
    pub(super) key: i16,
    pub(super) name: &'static str,
    pub(super) lowest: i16,
    pub(super) highest: i16,
    /// First version with compact lengths and tagged fields; beyond all versions if there is none.
    pub(super) flexible_from: i16,
    fields: &'static str,
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) versions: RangeInclusive<i16>,
    pub(super) nullable: Option<RangeInclusive<i16>>,
    pub(super) tag: Option<u32>,
    pub(super) array: bool,
    pub(super) shape: Shape,
}

/// What a field, or an element of it, is.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Always this many bytes.
    Fixed(u32),
    /// A length of 16 bits, then text.
    Text,
    /// A length of 32 bits, then bytes.
    Blob,
    Struct(Vec<Field>),
}

const ALL_VERSIONS: RangeInclusive<i16> = 0..=i16::MAX;

/// All messages in the order of the file; `None` if the file is broken.
pub(super) fn messages() -> Option<Vec<Message>> {
    TEXT.split_terminator("\nend\n").map(parse_message).collect()
}

fn parse_message(block: &'static str) -> Option<Message> {
    let (title, fields) = block.split_once('\n')?;
    let mut words = title.split(' ');
    let kind = match words.next()? {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "data" => Kind::Data,
        _ => return None,
    };
    let (key, name) = (words.next()?.parse().ok()?, words.next()?);
    let versions = parse_versions(words.next()?)?;
    let flexible_from = match words.nth(1)? {
        "none" => i16::MAX,
        first => first.parse().ok()?,
    };
    let (lowest, highest) = versions.into_inner();
    Some(Message { kind, key, name, lowest, highest, flexible_from, fields })
}

/// `3-13`, `3+` or `3`.
fn parse_versions(text: &str) -> Option<RangeInclusive<i16>> {
    if let Some(first) = text.strip_suffix('+') {
        return Some(first.parse().ok()?..=i16::MAX);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

impl Message {
    /// The name that people know it by.
    pub(super) fn title(&self) -> String {
        match self.kind {
            Kind::Request => format!("{} request", self.name),
            Kind::Response => format!("{} response", self.name),
            Kind::Data => self.name.to_owned(),
        }
    }

    /// The fields, parsed; `None` if the file is broken.
    pub(super) fn fields(&self) -> Option<Vec<Field>> {
        parse_fields(&mut self.fields.split_ascii_whitespace(), &ALL_VERSIONS)
    }
}

/// Fields up to the closing bracket or the end of the message.
fn parse_fields(
    words: &mut std::str::SplitAsciiWhitespace<'static>,
    around: &RangeInclusive<i16>,
) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while let Some(word) = words.next() {
        if matches!(word, "]" | "}") {
            break;
        }
        fields.push(parse_field(word, words, around)?);
    }
    Some(fields)
}

fn parse_field(
    word: &'static str,
    words: &mut std::str::SplitAsciiWhitespace<'static>,
    around: &RangeInclusive<i16>,
) -> Option<Field> {
    let (head, kind) = word.split_once(':')?;
    let (head, tag) = match head.split_once('#') {
        Some((head, tag)) => (head, Some(tag.parse().ok()?)),
        None => (head, None),
    };
    let (head, nullable) = match head.split_once('?') {
        Some((head, versions)) => (head, Some(versions)),
        None => (head, None),
    };
    let versions = match head.split_once('@') {
        Some((_name, versions)) => parse_versions(versions)?,
        None => around.clone(),
    };
    let nullable = match nullable {
        Some("") => Some(versions.clone()),
        Some(text) => Some(parse_versions(text)?),
        None => None,
    };
    let (array, kind) = match kind.strip_prefix("[]") {
        Some(element) => (true, element),
        None => (kind == "[", kind),
    };
    let shape = match kind {
        "[" | "{" => Shape::Struct(parse_fields(words, &versions)?),
        plain => plain_shape(plain)?,
    };
    Some(Field { versions, nullable, tag, array, shape })
}

fn plain_shape(kind: &str) -> Option<Shape> {
    Some(match kind {
        "bool" | "int8" => Shape::Fixed(1),
        "int16" | "uint16" => Shape::Fixed(2),
        "int32" => Shape::Fixed(4),
        "int64" | "float64" => Shape::Fixed(8),
        "uuid" => Shape::Fixed(16),
        "string" => Shape::Text,
        "bytes" | "records" => Shape::Blob,
        _ => return None,
    })
}
