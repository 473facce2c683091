//! What a stream is read from.

use super::{Element, Topic};

/// The topics of a stream: one, or several whose records are read as one stream.
#[derive(Debug, Clone)]
#[must_use = "it says what to read and does not do it"]
pub struct Consumed<K: 'static, V: 'static> {
    pub(super) topics: Vec<Topic<K, V>>,
}

/// What [`StreamsBuilder::stream`](crate::StreamsBuilder::stream) reads: a [`Topic`], an array or a vector of topics.
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
        Consumed { topics: vec![self] }
    }
}

impl<K: Element, V: Element, const N: usize> IntoConsumed for [Topic<K, V>; N] {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        Consumed { topics: self.into() }
    }
}

impl<K: Element, V: Element> IntoConsumed for Vec<Topic<K, V>> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        Consumed { topics: self }
    }
}

impl<K: Element, V: Element> IntoConsumed for Consumed<K, V> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Self {
        self
    }
}
