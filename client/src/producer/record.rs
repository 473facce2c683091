//! A record to be sent.

pub use millstream_wire::batch::Header;

/// A record to be sent. It borrows: `send` encodes it straight into the open batch, so nothing is copied twice.
///
/// ```
/// use millstream_client::ProducerRecord;
/// let record = ProducerRecord::to("clicks").key(b"user-1").value(b"/index.html");
/// assert_eq!(record.partition, None);
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ProducerRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; chosen by the key, or evenly by bytes where there is none (KIP-794).
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Headers, in order, duplicates allowed.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since the epoch; the time of `send` when not given.
    pub timestamp: Option<i64>,
}

impl<'a> ProducerRecord<'a> {
    /// An empty record for a topic.
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, key: None, value: None, headers: &[], timestamp: None }
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// Sets the headers.
    pub fn headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the timestamp, ms.
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }
}
