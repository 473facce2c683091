//! The headers of a record.

use std::sync::Arc;

/// One header. Names repeat and keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub name: String,
    /// The bytes; `None` is null.
    pub value: Option<Vec<u8>>,
}

/// The headers of a record: one word when there are none, shared when a record is cloned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter().flat_map(|headers| headers.iter())
    }

    /// The value of the last header of this name, as Kafka's `lastHeader` has it.
    pub fn last(&self, name: &str) -> Option<&Header> {
        self.0.as_ref()?.iter().rev().find(|header| header.name == name)
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        let Some(headers) = &mut self.0 else { return };
        if headers.iter().any(|header| header.name == name) {
            Arc::make_mut(headers).retain(|header| header.name != name);
        }
        if headers.is_empty() {
            self.0 = None;
        }
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: impl Into<String>, value: Option<Vec<u8>>) {
        let headers = self.0.get_or_insert_default();
        Arc::make_mut(headers).push(Header { name: name.into(), value });
    }
}
