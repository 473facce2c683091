//! The sink of one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream::outlet::{OpenOutlet, OutletCounts, Place, Refused};
use millstream::processor::{ProcessError, Record as Typed};
use serde::Serialize;
use tokio::task::AbortHandle;

use super::desk::Desk;
use super::executor::Executor;
use super::form::Form;
use super::options::Rules;
use super::writer::Writer;
use crate::error::ConnectError;
use crate::sink::SinkTask;

/// A record takes so much besides its key and value.
const RECORD_BYTES: usize = 256;

/// What all tasks of an instance may hold.
#[derive(Debug, Clone)]
pub(super) struct Room {
    limit: usize,
    /// By all tasks.
    held: Arc<AtomicUsize>,
    /// By this one.
    own: Arc<AtomicUsize>,
}

impl Room {
    pub(super) fn new(limit: usize, held: Arc<AtomicUsize>) -> Self {
        Self { limit, held, own: Arc::default() }
    }

    fn take(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.own.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        // A task that has gone has given everything back already, though its writer may end a moment later.
        let less = |own: usize| Some(own.saturating_sub(bytes));
        let own = self.own.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        self.held.fetch_sub(own.min(bytes), Ordering::Relaxed);
    }

    /// Whether there is any for a task. One that holds nothing is let in, whatever the others hold.
    fn is_free(&self) -> bool {
        self.held.load(Ordering::Relaxed) < self.limit || self.own.load(Ordering::Relaxed) == 0
    }

    /// Whether it is time to let go of what lacks but a flush.
    pub(super) fn is_scarce(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.limit / 2
    }

    fn own(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }
}

/// A sink that a writer on another thread drives.
pub(super) struct OpenSink {
    form: Form,
    desk: Arc<Desk>,
    room: Room,
    /// `None`: there is no thread for it, which the desk knows.
    writer: Option<AbortHandle>,
    /// Its thread ends with the last who knows it.
    _executor: Arc<Executor>,
}

impl OpenSink {
    pub(super) fn start<O, F>(
        executor: &Arc<Executor>,
        opening: O,
        form: Form,
        rules: Rules,
        room: Room,
    ) -> Self
    where
        O: Fn() -> F + Send + 'static,
        F: Future<Output = Result<Box<dyn SinkTask>, ConnectError>> + Send + 'static,
    {
        let desk = Arc::new(Desk::default());
        let writer = match executor.handle() {
            Ok(handle) => {
                let writer = Writer::new(Arc::clone(&desk), rules, room.clone());
                Some(handle.spawn(writer.run(opening)).abort_handle())
            }
            Err(why) => {
                desk.fail(why);
                None
            }
        };
        Self { form, desk, room, writer, _executor: Arc::clone(executor) }
    }
}

impl OpenSink {
    /// One that cannot go on from the beginning.
    pub(super) fn unable(executor: &Arc<Executor>, form: Form, why: String) -> Self {
        let desk = Arc::new(Desk::default());
        desk.fail(why);
        let room = Room::new(0, Arc::default());
        Self { form, desk, room, writer: None, _executor: Arc::clone(executor) }
    }
}

impl<K: Serialize, V: Serialize> OpenOutlet<K, V> for OpenSink {
    fn take(&mut self, record: Typed<K, V>, from: Option<Place>) -> Result<(), ProcessError> {
        let record = self.form.of(&record, from.as_ref()).map_err(ProcessError::new)?;
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.size_bytes()).sum();
        let bytes = RECORD_BYTES + record.key.size_bytes() + record.value.size_bytes() + headers;
        self.room.take(bytes);
        self.desk.give(record, from, bytes);
        Ok(())
    }

    fn has_room(&mut self) -> Result<bool, ProcessError> {
        match self.desk.failure() {
            Some(why) => Err(ProcessError::new(why)),
            None => Ok(self.room.is_free()),
        }
    }

    fn settle(&mut self) -> Result<bool, ProcessError> {
        self.desk.settle().map_err(ProcessError::new)
    }

    fn take_refused(&mut self) -> Vec<Refused> {
        self.desk.take_refused()
    }

    fn counts(&self) -> OutletCounts {
        let mut counts = self.desk.counts();
        counts.held_bytes = self.room.own() as u64;
        counts
    }
}

impl Drop for OpenSink {
    fn drop(&mut self) {
        let is_safe = self.desk.leave();
        if let Some(writer) = self.writer.take().filter(|_| !is_safe) {
            // What is not safe is not committed either: whoever has the task next writes it.
            writer.abort();
        }
        self.room.give_back(usize::MAX);
    }
}
