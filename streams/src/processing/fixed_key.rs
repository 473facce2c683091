//! Processors that leave the key alone, so that no repartition need follow them.

use std::marker::PhantomData;
use std::time::Duration;

use super::{Context, Processor, Punctuation, RecordMetadata};
use crate::dsl::Element;
use crate::processor::{Headers, ProcessError, Record};
use crate::task::{PunctuationKind, Punctuator, TaskId};

/// A [`Processor`] that cannot change keys (Kafka's `FixedKeyProcessor`): grouping or joining what it forwards by key needs
/// no way through a topic.
pub trait FixedKeyProcessor<K, V>: 'static {
    /// The values that it forwards.
    type Out: Element;

    /// As [`Processor::init`].
    ///
    /// # Errors
    /// Stops the task.
    fn init(&mut self, _cx: &mut FixedKeyContext<'_, '_, K, Self::Out>) -> Result<(), ProcessError>
    where
        K: Element,
    {
        Ok(())
    }

    /// As [`Processor::process`].
    ///
    /// # Errors
    /// Stops the task at this record.
    fn process(
        &mut self,
        record: FixedKeyRecord<K, V>,
        cx: &mut FixedKeyContext<'_, '_, K, Self::Out>,
    ) -> Result<(), ProcessError>
    where
        K: Element;

    /// As [`Processor::punctuate`]. Without a record there is no key, so nothing can be forwarded.
    ///
    /// # Errors
    /// Stops the task.
    fn punctuate(
        &mut self,
        _at: Punctuation,
        _cx: &mut FixedKeyContext<'_, '_, K, Self::Out>,
    ) -> Result<(), ProcessError>
    where
        K: Element,
    {
        Ok(())
    }

    /// As [`Processor::close`].
    fn close(&mut self) {}
}

/// A record whose key stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedKeyRecord<K, V>(Record<K, V>);

impl<K, V> FixedKeyRecord<K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.0.value
    }

    /// Event time in milliseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.0.timestamp
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.0.headers
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> FixedKeyRecord<K, V2> {
        FixedKeyRecord(self.0.with_value(value))
    }

    /// The same record with a value made of its own.
    pub fn map<V2>(self, map: impl FnOnce(V) -> V2) -> FixedKeyRecord<K, V2> {
        let Record { key, value, timestamp, headers } = self.0;
        FixedKeyRecord(Record { key, value: map(value), timestamp, headers })
    }

    /// The same record at another time, in milliseconds.
    pub fn at(self, timestamp: i64) -> Self {
        Self(self.0.at(timestamp))
    }
}

/// The surroundings of a [`FixedKeyProcessor`] during one call.
pub struct FixedKeyContext<'c, 'a, K: Element, V: Element>(&'c mut Context<'a, (K, V)>);

impl<K: Element, V: Element> FixedKeyContext<'_, '_, K, V> {
    /// As [`Context::forward`].
    pub fn forward(&mut self, record: FixedKeyRecord<K, V>) {
        self.0.forward(record.0);
    }

    /// As [`Context::forward_to`].
    pub fn forward_to(&mut self, child: &str, record: FixedKeyRecord<K, V>) {
        self.0.forward_to(child, record.0);
    }

    /// As [`Context::stream_time`].
    pub fn stream_time(&self) -> i64 {
        self.0.stream_time()
    }

    /// As [`Context::wall_clock`].
    pub fn wall_clock(&self) -> i64 {
        self.0.wall_clock()
    }

    /// As [`Context::metadata`].
    pub fn metadata(&self) -> Option<RecordMetadata<'_>> {
        self.0.metadata()
    }

    /// As [`Context::task_id`].
    pub fn task_id(&self) -> TaskId {
        self.0.task_id()
    }

    /// As [`Context::schedule`].
    pub fn schedule(&mut self, kind: PunctuationKind, interval: Duration) -> Punctuator {
        self.0.schedule(kind, interval)
    }

    /// As [`Context::cancel`].
    pub fn cancel(&mut self, punctuator: Punctuator) {
        self.0.cancel(punctuator);
    }

    /// As [`Context::is_out_of_time`].
    pub fn is_out_of_time(&self) -> bool {
        self.0.is_out_of_time()
    }

    /// As [`Context::punctuate_again`].
    pub fn punctuate_again(&mut self) {
        self.0.punctuate_again();
    }

    /// As [`Context::request_commit`].
    pub fn request_commit(&mut self) {
        self.0.request_commit();
    }
}

/// A [`FixedKeyProcessor`] as the [`Processor`] that a node runs.
pub(crate) struct FixedKey<P, K>(pub(crate) P, pub(crate) PhantomData<fn(K)>);

impl<K: Element, V: 'static, P: FixedKeyProcessor<K, V>> Processor<K, V> for FixedKey<P, K> {
    type Out = (K, P::Out);

    fn init(&mut self, cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError> {
        self.0.init(&mut FixedKeyContext(cx))
    }

    fn process(&mut self, record: Record<K, V>, cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError> {
        self.0.process(FixedKeyRecord(record), &mut FixedKeyContext(cx))
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError> {
        self.0.punctuate(at, &mut FixedKeyContext(cx))
    }

    fn close(&mut self) {
        self.0.close();
    }
}
