//! What a program implements.

use super::{Context, Punctuation};
use crate::dsl::Element;
use crate::processor::{ProcessError, Record};

/// An operator of one's own: it may keep state in stores, forward any number of records and be called on time. One is made
/// for every task, and only its task's thread calls it.
///
/// The order of calls is `init`, then `process` and `punctuate`, then `close` (Kafka's `Processor`).
pub trait Processor<K, V>: 'static {
    /// Key and value of what it forwards; `()` if it forwards nothing.
    type Out: Forwarded;

    /// Called once, when the stores are complete and before the first record: the place to schedule punctuations.
    ///
    /// # Errors
    /// Stops the task.
    fn init(&mut self, _cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Takes one record.
    ///
    /// # Errors
    /// Stops the task at this record.
    fn process(&mut self, record: Record<K, V>, cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError>;

    /// Called when a punctuation that was scheduled is due.
    ///
    /// # Errors
    /// Stops the task.
    fn punctuate(&mut self, _at: Punctuation, _cx: &mut Context<'_, Self::Out>) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Called once when the task ends or moves away, after its last commit. It is not called after a crash.
    fn close(&mut self) {}
}

/// What a processor forwards: a pair of key and value, or nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a processor can forward",
    note = "`type Out = (Key, Value);`, or `type Out = ();` for a processor that forwards nothing"
)]
pub trait Forwarded: 'static {
    /// The type of the keys.
    type Key: Element;
    /// The type of the values.
    type Value: Element;
}

impl<K: Element, V: Element> Forwarded for (K, V) {
    type Key = K;
    type Value = V;
}

impl Forwarded for () {
    type Key = ();
    type Value = ();
}
