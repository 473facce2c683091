//! Where the records come from that pass through the nodes just now.

use super::failed::Bytes;
use crate::outlet::Refused;
use crate::processor::Headers;
use crate::task::RawRecord;

/// What a task is working on, for the dead letter that it may become.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// A record that was read.
    Record(&'a RawRecord<'a>),
    /// The entry of a store that is being flushed, by its index.
    Entry(&'a dyn LendEntry, u32),
    /// A record that an outlet has refused.
    Refused(&'a Refused),
    /// A punctuation, at this time (ms), or the beginning or end of a processor.
    Call(i64),
}

/// A store that lends the bytes of its entries.
pub(crate) trait LendEntry {
    /// Calls `take` once with the bytes of an entry as its changelog has them.
    fn lend(&self, index: u32, take: &mut dyn FnMut(Bytes<'_>));
}

impl Origin<'_> {
    /// Calls `take` once with what there is of the record.
    pub(crate) fn lend(&self, take: &mut dyn FnMut(Bytes<'_>)) {
        match self {
            Self::Record(raw) => {
                take(Bytes {
                    key: raw.key,
                    value: raw.value,
                    timestamp: raw.timestamp,
                    headers: &raw.headers,
                    source: None,
                });
            }
            Self::Refused(refused) => {
                take(Bytes {
                    key: refused.key.as_deref(),
                    value: refused.value.as_deref(),
                    timestamp: refused.timestamp,
                    headers: &refused.headers,
                    source: refused.from.as_ref().map(|place| (place.input, place.offset)),
                });
            }
            Self::Entry(store, index) => store.lend(*index, take),
            Self::Call(time) => {
                take(Bytes {
                    key: None,
                    value: None,
                    timestamp: *time,
                    headers: &Headers::default(),
                    source: None,
                });
            }
        }
    }
}
