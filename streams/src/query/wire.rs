//! What instances of an application say to each other about state. Both go over HTTP, `POST /instances/query`, as
//! `application/octet-stream`. Keys and values are the bytes of the store, so that nothing is lost in between; all numbers are
//! big-endian.
//!
//! ```text
//! text      length u16, UTF-8
//! bytes     length u32, bytes
//! maybe X   u8: 0 nothing, 1 then X
//!
//! request   version u8 = 1 | application.id text | store text | sub-topology u32
//!           number of tasks u32, each: partition i32 | standbys will do: maybe records they may be behind u64
//!           after: maybe bytes | reverse u8 | limit u32
//!           kind u8: 0 get:           key bytes
//!                    1 range:         from bound, to bound: u8 0 none, 1 including bytes, 2 excluding bytes
//!                    2 windows of:    key bytes, first start i64, last start i64
//!                    3 windows in:    first start i64, last start i64
//!                    4 count
//!
//! reply     version u8 = 1 | outcome u8: 0 answer
//!                                        1 rebalancing   2 not here   3 unknown store   4 stopped
//!                                        5 failed: message text
//!           count u64 | behind: maybe bytes | number of entries u32, each: key bytes, timestamped value bytes
//!           number of positions u32, each: topic text, partition i32, first offset that is not in the answer i64
//!           from a standby: maybe records behind u64, maybe ms since it had everything u64
//! ```

use std::ops::Bound;
use std::time::Duration;

use super::answer::Position;
use super::owners::{Question, Told};
use super::{QueryError, Staleness};
use crate::cursor::{Cursor, Short};
use crate::runtime::TopicPartition;
use crate::store::chunk::{Chunk, MAX_ENTRIES, Page, Read};

const VERSION: u8 = 1;

/// Bytes that are no request or reply of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("version {0}; this program speaks version {VERSION}")]
    Version(u8),
    #[error("the bytes end too early")]
    Short,
    #[error("there is more than belongs there")]
    Long,
    #[error("a name is not UTF-8")]
    Text,
    #[error("there is no {what} {found}")]
    Kind { what: &'static str, found: u8 },
}

impl From<Short> for WireError {
    fn from(Short: Short) -> Self {
        Self::Short
    }
}

/// A question, and whose stores it is for: an address may belong to another application by now.
pub(crate) fn encode_request(application: &str, question: &Question) -> Vec<u8> {
    let Question { store, part, tasks, stale, read, page } = question;
    let mut out = vec![VERSION];
    text(&mut out, application);
    text(&mut out, store);
    out.extend_from_slice(&part.to_be_bytes());
    let tasks = tasks.as_deref().unwrap_or_default();
    out.extend_from_slice(&(tasks.len() as u32).to_be_bytes());
    tasks.iter().for_each(|task| out.extend_from_slice(&task.to_be_bytes()));
    maybe(&mut out, stale.as_ref(), |out, stale| out.extend_from_slice(&stale.to_be_bytes()));
    maybe(&mut out, page.after.as_deref(), bytes);
    out.push(u8::from(page.reverse));
    out.extend_from_slice(&(page.limit.min(MAX_ENTRIES) as u32).to_be_bytes());
    match read {
        Read::Get(key) => {
            out.push(0);
            bytes(&mut out, key);
        }
        Read::Range(from, to) => {
            out.push(1);
            bound(&mut out, from);
            bound(&mut out, to);
        }
        Read::WindowsOf { key, first, last } => {
            out.push(2);
            bytes(&mut out, key);
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&last.to_be_bytes());
        }
        Read::WindowsIn { first, last } => {
            out.push(3);
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&last.to_be_bytes());
        }
        Read::Count => out.push(4),
    }
    out
}

/// The application that is meant, and the question.
pub(crate) fn decode_request(request: &[u8]) -> Result<(String, Question), WireError> {
    let mut from = Cursor::new(request);
    check_version(&mut from)?;
    let (application, store) = (take_text(&mut from)?.to_owned(), take_text(&mut from)?.into());
    let part = from.u32()?;
    let mut tasks = Vec::new();
    for _ in 0..from.u32()? {
        tasks.push(from.i32()?);
    }
    let stale = take_maybe(&mut from, |from| Ok(from.u64()?))?;
    let after = take_maybe(&mut from, take_bytes)?;
    let reverse = from.u8()? != 0;
    let limit = (from.u32()? as usize).min(MAX_ENTRIES);
    let read = match from.u8()? {
        0 => Read::Get(take_bytes(&mut from)?),
        1 => Read::Range(take_bound(&mut from)?, take_bound(&mut from)?),
        2 => Read::WindowsOf { key: take_bytes(&mut from)?, first: from.i64()?, last: from.i64()? },
        3 => Read::WindowsIn { first: from.i64()?, last: from.i64()? },
        4 => Read::Count,
        found => return Err(WireError::Kind { what: "kind of question", found }),
    };
    check_end(&from)?;
    let page = Page { after, reverse, limit };
    Ok((application, Question { store, part, tasks: Some(tasks), stale, read, page }))
}

pub(crate) fn encode_reply(reply: &Result<Told, QueryError>) -> Vec<u8> {
    let mut out = vec![VERSION];
    let Told { value, position, staleness, cut: _ } = match reply {
        Ok(told) => {
            out.push(0);
            told
        }
        Err(QueryError::Rebalancing { .. }) => return vec![VERSION, 1],
        Err(QueryError::NotHere { .. }) => return vec![VERSION, 2],
        Err(QueryError::UnknownStore { .. }) => return vec![VERSION, 3],
        Err(QueryError::Stopped) => return vec![VERSION, 4],
        Err(error) => {
            out.push(5);
            text(&mut out, &error.to_string());
            return out;
        }
    };
    let Chunk { entries, behind, count } = value;
    out.extend_from_slice(&count.to_be_bytes());
    maybe(&mut out, behind.as_deref(), bytes);
    out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    for (key, value) in entries {
        bytes(&mut out, key);
        bytes(&mut out, value);
    }
    out.extend_from_slice(&(position.iter().count() as u32).to_be_bytes());
    for (partition, offset) in position.iter() {
        text(&mut out, &partition.topic);
        out.extend_from_slice(&partition.partition.to_be_bytes());
        out.extend_from_slice(&offset.to_be_bytes());
    }
    maybe(&mut out, staleness.as_ref(), |out, Staleness { records, age }| {
        out.extend_from_slice(&records.to_be_bytes());
        maybe(out, age.as_ref(), |out, age| {
            let ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            out.extend_from_slice(&ms.to_be_bytes());
        });
    });
    out
}

/// What an instance has said: an answer, or an error as far as it travels.
pub(crate) fn decode_reply(
    reply: &[u8],
    endpoint: &str,
    store: &str,
) -> Result<Result<Told, QueryError>, WireError> {
    let mut from = Cursor::new(reply);
    check_version(&mut from)?;
    let store = store.to_owned();
    match from.u8()? {
        0 => {}
        1 => return Ok(Err(QueryError::Rebalancing { store })),
        2 => return Ok(Err(QueryError::NotHere { store, at: Vec::new() })),
        3 => return Ok(Err(QueryError::unknown(&store, Vec::new()))),
        4 => {
            let reason = "it has stopped".to_owned();
            return Ok(Err(QueryError::Unreachable { endpoint: endpoint.to_owned(), reason }));
        }
        5 => {
            let message = take_text(&mut from)?.to_owned();
            return Ok(Err(QueryError::Failed { endpoint: endpoint.to_owned(), message }));
        }
        found => return Err(WireError::Kind { what: "outcome", found }),
    }
    let count = from.u64()?;
    let behind = take_maybe(&mut from, take_bytes)?;
    let mut entries = Vec::new();
    for _ in 0..from.u32()? {
        entries.push((take_bytes(&mut from)?, take_bytes(&mut from)?));
    }
    let mut position = Position::default();
    for _ in 0..from.u32()? {
        let partition = TopicPartition::new(take_text(&mut from)?, from.i32()?);
        position.extend([(partition, from.i64()?)]);
    }
    let staleness = take_maybe(&mut from, |from| {
        let records = from.u64()?;
        let age = take_maybe(from, |from| Ok(Duration::from_millis(from.u64()?)))?;
        Ok(Staleness { records, age })
    })?;
    check_end(&from)?;
    Ok(Ok(Told { value: Chunk { entries, behind, count }, position, staleness, cut: false }))
}

/// Names are as short as topics' names or a sentence; what is longer is cut.
fn text(out: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(u16::MAX.into())];
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn maybe<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn bound(out: &mut Vec<u8>, bound: &Bound<Vec<u8>>) {
    match bound {
        Bound::Unbounded => out.push(0),
        Bound::Included(key) => {
            out.push(1);
            bytes(out, key);
        }
        Bound::Excluded(key) => {
            out.push(2);
            bytes(out, key);
        }
    }
}

fn check_version(from: &mut Cursor<'_>) -> Result<(), WireError> {
    match from.u8()? {
        VERSION => Ok(()),
        other => Err(WireError::Version(other)),
    }
}

fn check_end(from: &Cursor<'_>) -> Result<(), WireError> {
    if from.is_at_end() { Ok(()) } else { Err(WireError::Long) }
}

fn take_text<'a>(from: &mut Cursor<'a>) -> Result<&'a str, WireError> {
    let length = from.u16()?.into();
    str::from_utf8(from.slice(length)?).map_err(|_| WireError::Text)
}

fn take_bytes(from: &mut Cursor<'_>) -> Result<Vec<u8>, WireError> {
    let length = from.u32()? as usize;
    Ok(from.slice(length)?.to_vec())
}

fn take_maybe<T>(
    from: &mut Cursor<'_>,
    take: impl FnOnce(&mut Cursor<'_>) -> Result<T, WireError>,
) -> Result<Option<T>, WireError> {
    match from.u8()? {
        0 => Ok(None),
        1 => take(from).map(Some),
        found => Err(WireError::Kind { what: "presence", found }),
    }
}

fn take_bound(from: &mut Cursor<'_>) -> Result<Bound<Vec<u8>>, WireError> {
    Ok(match from.u8()? {
        0 => Bound::Unbounded,
        1 => Bound::Included(take_bytes(from)?),
        2 => Bound::Excluded(take_bytes(from)?),
        found => return Err(WireError::Kind { what: "bound", found }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..5)
    }

    fn questions() -> impl Strategy<Value = Question> {
        let bound = || {
            let excluded = some_bytes().prop_map(Bound::Excluded);
            prop_oneof![Just(Bound::Unbounded), some_bytes().prop_map(Bound::Included), excluded]
        };
        let read = prop_oneof![
            some_bytes().prop_map(Read::Get),
            (bound(), bound()).prop_map(|(from, to)| Read::Range(from, to)),
            (some_bytes(), any::<i64>(), any::<i64>()).prop_map(|(key, first, last)| Read::WindowsOf {
                key,
                first,
                last
            }),
            (any::<i64>(), any::<i64>()).prop_map(|(first, last)| Read::WindowsIn { first, last }),
            Just(Read::Count),
        ];
        let page = (proptest::option::of(some_bytes()), any::<bool>(), 0..=MAX_ENTRIES)
            .prop_map(|(after, reverse, limit)| Page { after, reverse, limit });
        let tasks = proptest::collection::vec(any::<i32>(), 0..4);
        (".{0,5}", any::<u32>(), tasks, proptest::option::of(any::<u64>()), read, page).prop_map(
            |(store, part, tasks, stale, read, page)| Question {
                store: store.into(),
                part,
                tasks: Some(tasks),
                stale,
                read,
                page,
            },
        )
    }

    fn answers() -> impl Strategy<Value = Told> {
        let entries = proptest::collection::vec((some_bytes(), some_bytes()), 0..4);
        let positions = proptest::collection::vec(("[a-z]{1,3}", any::<i32>(), any::<i64>()), 0..3);
        let stale = proptest::option::of((any::<u64>(), proptest::option::of(any::<u64>())));
        (entries, proptest::option::of(some_bytes()), any::<u64>(), positions, stale).prop_map(
            |(entries, behind, count, positions, stale)| {
                let mut position = Position::default();
                position.extend(
                    positions
                        .into_iter()
                        .map(|(topic, partition, offset)| (TopicPartition::new(topic, partition), offset)),
                );
                let staleness =
                    stale.map(|(records, ms)| Staleness { records, age: ms.map(Duration::from_millis) });
                Told { value: Chunk { entries, behind, count }, position, staleness, cut: false }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_said_is_understood(question in questions(), told in answers()) {
            let request = encode_request("app", &question);
            prop_assert_eq!(decode_request(&request), Ok(("app".to_owned(), question)));
            let reply = encode_reply(&Ok(told.clone()));
            prop_assert_eq!(decode_reply(&reply, "", "").unwrap().unwrap(), told);
            for short in 0..reply.len().min(40) {
                prop_assert!(decode_reply(&reply[..short], "", "").is_err());
            }
        }

        #[test]
        fn any_bytes_are_understood_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bytes = [&[VERSION][..], &bytes].concat();
            let _ = (decode_request(&bytes), decode_reply(&bytes, "", "").is_ok());
        }
    }

    #[test]
    fn the_bytes_are_as_drawn() {
        let page = Page { after: None, reverse: true, limit: 3 };
        let read = Read::Range(Bound::Included(b"k".to_vec()), Bound::Unbounded);
        let question = Question { store: "s".into(), part: 1, tasks: Some(vec![2]), stale: None, read, page };
        let drawn = [
            &[1, 0, 1, b'a', 0, 1, b's', 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..],
            &[0, 0, 1, 0, 0, 0, 3, 1, 1, 0, 0, 0, 1, b'k', 0],
        ];
        assert_eq!(encode_request("a", &question), drawn.concat());
        assert_eq!(decode_request(&[2]), Err(WireError::Version(2)));
    }

    #[test]
    fn errors_travel() {
        let store = || "s".to_owned();
        for error in [
            QueryError::Rebalancing { store: store() },
            QueryError::NotHere { store: store(), at: Vec::new() },
            QueryError::unknown("s", Vec::new()),
            QueryError::Failed { endpoint: "e".to_owned(), message: "m".to_owned() },
        ] {
            let (code, reply) = (error.code(), encode_reply(&Err(error)));
            assert_eq!(decode_reply(&reply, "e", "s").unwrap().unwrap_err().code(), code);
        }
        let stopped = decode_reply(&encode_reply(&Err(QueryError::Stopped)), "e", "s").unwrap().unwrap_err();
        assert_eq!(stopped.to_string(), "the instance at e does not answer: it has stopped");
    }
}
