//! What a stream is read from.

use std::sync::Arc;

use millstream_client::OffsetReset;

use super::timestamps::{TimestampExtractor, Timestamps};
use super::{Element, Topic};
use crate::errors::{Action, Failed, Policy};
use crate::processor::Record;

/// The topics of a stream: one, or several whose records are read as one stream.
///
/// Made of the topics, it can say more about the reading of them (Kafka's `Consumed`):
///
/// ```
/// # use millstream::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const READINGS: Topic<String, i64> = Topic::new("readings");
/// const OUT: Topic<String, i64> = Topic::new("out");
///
/// let builder = StreamsBuilder::new();
/// let readings = Consumed::from(READINGS)
///     .offset_reset(OffsetReset::Latest)
///     .timestamps_by(|record, _| Some(record.value));
/// builder.stream(readings).to(OUT);
///
/// let mut driver = TestDriver::new(&builder.build()?)?;
/// driver.input(READINGS).at(5).send("a", 1_000)?;
/// assert_eq!(driver.output(OUT).drain(), [record("a", 1_000).at(1_000)]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it says what to read and does not do it"]
pub struct Consumed<K: 'static, V: 'static> {
    pub(super) topics: Vec<Topic<K, V>>,
    /// Whether the name of the only topic is an expression.
    pub(super) is_pattern: bool,
    pub(super) timestamps: Timestamps<K, V>,
    /// `None`: what `auto.offset.reset` says.
    pub(super) offset_reset: Option<OffsetReset>,
    /// `None`: what the application says.
    pub(super) on_error: Option<Policy>,
}

impl<K, V> Consumed<K, V> {
    fn new(topics: Vec<Topic<K, V>>) -> Self {
        Self {
            topics,
            is_pattern: false,
            timestamps: Timestamps::Default,
            offset_reset: None,
            on_error: None,
        }
    }

    /// Where the event times of the records come from, instead of `default.timestamp.extractor`.
    pub fn timestamps(mut self, extractor: TimestampExtractor) -> Self {
        self.timestamps = Timestamps::Of(extractor);
        self
    }

    /// Has a closure say when a record happened, in milliseconds since 1970 (Kafka's `TimestampExtractor`). It sees the record
    /// with its own timestamp, and the largest time so far of its partition, `-1` before the first. `None`, or a time before
    /// 1970, drops the record, which is counted.
    pub fn timestamps_by(
        mut self,
        extract: impl Fn(&Record<K, V>, i64) -> Option<i64> + Send + Sync + 'static,
    ) -> Self {
        self.timestamps = Timestamps::Own(Arc::new(extract));
        self
    }

    /// Where reading begins for a group that has committed no offset, and where it goes on when the offset is not there any
    /// more, instead of what `auto.offset.reset` says (Kafka's `AutoOffsetReset`). `OffsetReset::None` stops the application.
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.offset_reset = Some(reset);
        self
    }

    /// Decides what becomes of records that do not decode, in place of what the application says; see
    /// [`errors`](crate::errors). Streams that share a source share the policy that was given last.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const NUMBERS: Topic<String, i64> = Topic::new("numbers");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Consumed::from(NUMBERS).on_error(|_| Action::Skip)).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(Topic::<String, String>::new("numbers")).send("a", "no number")?;
    /// driver.input(NUMBERS).send("b", 1)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("b", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn on_error(mut self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(policy));
        self
    }
}

impl<K: Element, V: Element> From<Topic<K, V>> for Consumed<K, V> {
    fn from(topic: Topic<K, V>) -> Self {
        Self::new(vec![topic])
    }
}

impl<K: Element, V: Element, const N: usize> From<[Topic<K, V>; N]> for Consumed<K, V> {
    fn from(topics: [Topic<K, V>; N]) -> Self {
        Self::new(topics.into())
    }
}

impl<K: Element, V: Element> From<Vec<Topic<K, V>>> for Consumed<K, V> {
    fn from(topics: Vec<Topic<K, V>>) -> Self {
        Self::new(topics)
    }
}

/// What [`StreamsBuilder::stream`](crate::StreamsBuilder::stream) reads: a [`Topic`], an array or a vector of topics, or a
/// [`Consumed`] of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a stream can be read from",
    note = "a `Topic<K, V>` is, or several of the same types: `[A, B]`"
)]
pub trait IntoConsumed {
    /// The type of the keys.
    type Key: Element;
    /// The type of the values.
    type Value: Element;

    /// What to read.
    fn into_consumed(self) -> Consumed<Self::Key, Self::Value>;
}

impl<K: Element, V: Element> IntoConsumed for Topic<K, V> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        self.into()
    }
}

impl<K: Element, V: Element, const N: usize> IntoConsumed for [Topic<K, V>; N] {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        self.into()
    }
}

impl<K: Element, V: Element> IntoConsumed for Vec<Topic<K, V>> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        self.into()
    }
}

impl<K: Element, V: Element> IntoConsumed for Consumed<K, V> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Self {
        self
    }
}
