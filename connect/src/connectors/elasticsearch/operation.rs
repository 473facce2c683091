//! What a record asks the server to do, as the lines of a bulk request.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use serde_json::ser::{CompactFormatter, Formatter};

use super::document::{DocumentStyle, Stamp, escaped, string};
use super::index::Target;
use super::options::{ElasticsearchOptions, OnNull, WriteMethod};
use crate::converters::verbatim;
use crate::data::Value;
use crate::{Origin, Outcome, Record};

/// Longer ids are refused by the server, with everything else in their request (bytes).
const ID_MAX: usize = 512;
/// How often the server tries an update that met another of the same document.
const RETRY_ON_CONFLICT: u32 = 5;

/// What a conflict of versions means for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnConflict {
    /// The document is there in this version or a newer one: this is a replay.
    Replayed,
    /// Another writer was in the way: try again.
    Again,
}

/// An operation, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    /// Its lines, in the buffer that all operations of a write share.
    pub(super) lines: Range<usize>,
    /// What may not be reordered: operations of one lane. `None`: the server sorts it out by version, or there is no other.
    pub(super) lane: Option<u64>,
    pub(super) on_conflict: OnConflict,
    /// A delete of what is not there has done what it was to do.
    pub(super) is_delete: bool,
}

/// What becomes of a record before anything is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    Send(Operation),
    /// There is nothing to do.
    Settled(Outcome),
}

/// Makes operations of records.
pub(super) struct Preparation {
    options: ElasticsearchOptions,
    target: Target,
    style: DocumentStyle,
    hasher: RandomState,
    /// A topic and the index that all of its records go to: the next record is most often of the same topic.
    last: Option<(Arc<str>, Arc<str>)>,
}

/// A record that nothing can be made of, and why.
struct Unfit(String);

impl<T: Into<String>> From<T> for Unfit {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

impl Preparation {
    /// As the options say.
    pub(super) fn new(options: ElasticsearchOptions) -> Result<Self, String> {
        let target = Target::of(&options.target)?;
        let style = DocumentStyle { compact_maps: options.documents.compact_maps };
        Ok(Self { options, target, style, hasher: RandomState::new(), last: None })
    }

    /// Where records go.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Where this record goes; where nothing is to be made there, with `None`.
    pub(super) fn index_to_make(&mut self, record: &Record) -> Option<Arc<str>> {
        let options = &self.options.target;
        if !options.create || options.resource(&record.topic).is_some() || record.value.value.is_null() {
            return None;
        }
        self.index(record).ok()
    }

    /// Where this record goes.
    fn index(&mut self, record: &Record) -> Result<Arc<str>, String> {
        if let Some((topic, name)) = &self.last
            && *topic == record.topic
        {
            return Ok(Arc::clone(name));
        }
        let name: Arc<str> = match self.options.target.resource(&record.topic) {
            Some(named) => named.into(),
            None => self.target.name(record)?.into(),
        };
        if !self.target.has_time() {
            self.last = Some((Arc::clone(&record.topic), Arc::clone(&name)));
        }
        Ok(name)
    }

    /// Whether a document can be the text that its value was read from.
    pub(super) fn keeps_json(&self) -> bool {
        self.style.compact_maps && !self.options.target.only_creates()
    }

    /// Whether the server cannot tell in which order operations on its document came, so that they must not overtake each other.
    pub(super) fn is_ordered(&self, record: &Record) -> bool {
        self.upserts() && !self.options.documents.ignores_key(&record.topic)
    }

    /// Whether what was done may be done again: not where each time makes a document of its own.
    pub(super) fn is_repeatable(&self) -> bool {
        !self.options.documents.auto_ids || self.upserts()
    }

    fn upserts(&self) -> bool {
        self.options.documents.method == WriteMethod::Upsert && !self.options.target.only_creates()
    }

    /// Appends the lines of a record's operation to `out`.
    pub(super) fn prepare(&mut self, record: &Record, out: &mut Vec<u8>) -> Prepared {
        if record.value.value.is_null() {
            match self.options.documents.on_null {
                OnNull::Delete if !record.key.value.is_null() => {}
                OnNull::Delete | OnNull::Ignore => return Prepared::Settled(Outcome::Ok),
                OnNull::Fail => {
                    let why = "the record has no value: set behavior.on.null.values to ignore such records or to delete \
                               the documents of their keys";
                    return self.unfit(why.to_owned());
                }
            }
        }
        let from = out.len();
        match self.operation(record, out) {
            Ok(operation) => Prepared::Send(operation),
            Err(Unfit(why)) => {
                out.truncate(from);
                self.unfit(why)
            }
        }
    }

    fn unfit(&self, why: String) -> Prepared {
        if self.options.documents.drop_invalid {
            tracing::warn!("a record is dropped (drop.invalid.message): {why}");
            return Prepared::Settled(Outcome::Ok);
        }
        Prepared::Settled(Outcome::Reject { why })
    }

    fn operation(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<Operation, Unfit> {
        let from = out.len();
        let index = self.index(record)?;
        let documents = &self.options.documents;
        let only_creates = self.options.target.only_creates();
        let keyed = !documents.ignores_key(&record.topic);
        let is_delete = record.value.value.is_null();
        let upserts = self.upserts();
        let verb: &[u8] = match (is_delete, only_creates, upserts) {
            (true, ..) => b"delete",
            (_, true, _) => b"create",
            (_, _, true) => b"update",
            _ => b"index",
        };
        // What has no id is new each time; an update and a delete need one.
        let id = if !self.is_repeatable() && !is_delete { None } else { Some(Id::of(record, keyed)?) };
        let version =
            if keyed && !only_creates && !upserts && id.is_some() { self.version(record)? } else { None };
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(verb);
        out.extend_from_slice(b"\":{\"_index\":");
        string(&index, out);
        if let Some(id) = &id {
            id.write(out);
        }
        if let Some(version) = version {
            out.extend_from_slice(b",\"version\":");
            integer(version, out);
            out.extend_from_slice(b",\"version_type\":\"external\"");
        }
        if upserts && !is_delete {
            out.extend_from_slice(format!(",\"retry_on_conflict\":{RETRY_ON_CONFLICT}").as_bytes());
        }
        out.extend_from_slice(b"}}\n");
        if !is_delete {
            self.document(record, upserts, out)?;
        }
        let is_ordered = version.is_none() && !only_creates;
        let lane = match id {
            Some(Id::Key(key)) if is_ordered => Some(self.hasher.hash_one((&index, key))),
            _ => None,
        };
        let on_conflict = if upserts { OnConflict::Again } else { OnConflict::Replayed };
        Ok(Operation { lines: from..out.len(), lane, on_conflict, is_delete })
    }

    fn document(&self, record: &Record, upserts: bool, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let stamp = if self.options.target.only_creates() { self.stamp(record)? } else { None };
        if upserts {
            out.extend_from_slice(b"{\"doc\":");
        }
        match verbatim(&record.value).filter(|_| stamp.is_none()) {
            Some(text) => out.extend_from_slice(text),
            None => self.style.write(&record.value.value, stamp, out)?,
        }
        if upserts {
            out.extend_from_slice(b",\"doc_as_upsert\":true}");
        }
        out.push(b'\n');
        Ok(())
    }

    /// What the documents of data streams are sorted by.
    fn stamp<'a>(&self, record: &'a Record) -> Result<Option<Stamp<'a>>, Unfit> {
        let fields = &self.options.target.stream_timestamp;
        if fields.is_empty() {
            let time = record.timestamp.ok_or("the record has no timestamp, which data streams need")?;
            return Ok(Some(Stamp::Time(time)));
        }
        // Without any of them the document is sent as it is: it may have an @timestamp of its own.
        let found = fields.iter().find_map(|field| record.value.value.get(field));
        Ok(found.map(Stamp::Field))
    }

    fn version(&self, record: &Record) -> Result<Option<i64>, Unfit> {
        let header = &self.options.documents.version_header;
        if header.is_empty() {
            return Ok(record.origin.as_ref().map(|origin| origin.offset));
        }
        let found = record.headers.iter().rev().find(|(name, _)| name == header);
        let value =
            found.map(|(_, value)| &value.value).ok_or(format!("the record has no header {header}"))?;
        let text = || std::str::from_utf8(value.as_bytes()?).ok()?.trim().parse().ok();
        let version = value.as_i64().or_else(text);
        Ok(Some(version.ok_or(format!("the header {header} holds no integer, which a version is"))?))
    }
}

/// What a document is named by.
enum Id<'a> {
    /// Where its record was read: the name is shorter than the longest, as topics' names are.
    Place(&'a Origin),
    /// Its record's key.
    Key(Cow<'a, str>),
}

impl<'a> Id<'a> {
    fn of(record: &'a Record, keyed: bool) -> Result<Self, Unfit> {
        if !keyed {
            let origin = record.origin.as_ref();
            return Ok(Self::Place(origin.ok_or("the record comes from no topic, which its id would name")?));
        }
        let key: Cow<'_, str> = match &record.key.value {
            Value::String(text) => Cow::Borrowed(text),
            Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
                Cow::Owned(record.key.value.as_i64().unwrap_or_default().to_string())
            }
            Value::Null => {
                return Err(
                    "the record has no key, which its document would be named by: set key.ignore=true to \
                            name documents by topic, partition and offset"
                        .into(),
                );
            }
            other => {
                return Err(format!(
                    "the key is {}, which names no document: use a transform (ExtractField$Key) to take one field of \
                     it, or set key.ignore=true",
                    other.kind_name()
                )
                .into());
            }
        };
        match key.len() {
            0 => Err("the key is empty, which names no document".into()),
            1..=ID_MAX => Ok(Self::Key(key)),
            long => Err(format!("the id has {long} bytes, the server takes {ID_MAX}").into()),
        }
    }

    /// As a field that follows others.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"_id\":\"");
        match self {
            Self::Key(key) => escaped(key, out),
            Self::Place(Origin { topic, partition, offset, .. }) => {
                escaped(topic, out);
                out.push(b'+');
                integer((*partition).into(), out);
                out.push(b'+');
                integer(*offset, out);
            }
        }
        out.push(b'"');
    }
}

fn integer(value: i64, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = CompactFormatter.write_i64(out, value);
}

#[cfg(test)]
mod tests;
