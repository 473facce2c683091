//! Telling of windows once, when they close.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::time::Duration;

use crate::dsl::Element;
use crate::processor::{Change, Context, Downstream, Headers, ProcessError, Record};
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::task::PunctuationKind;
use crate::topology::NodeId;
use crate::window::{TimeWindows, Windowed, to_millis};

/// Windows that are read from the store at a time, so that a window of many keys needs no memory for all of them.
const CHUNK: usize = 16_384;

/// How often (ms) the wall clock is looked at, at least and at most; in between it is a quarter of the silence.
const LOOK_MS: (i64, i64) = (10, 1_000);

/// Which windows have been told of, and for how long the input has been silent.
pub(super) struct Closing {
    windows: TimeWindows,
    /// The earliest start (ms) of a window that was not told of.
    next_start: Cell<i64>,
    /// The silence (ms) after which the wall clock closes windows.
    silence: Option<i64>,
    /// When (ms, wall clock) the last record came; never before the first, since a backlog may be on its way.
    heard_at: Cell<i64>,
    /// Windows that end by this time (ms) are closed whatever stream time says: by the wall clock, or before a restart.
    closed: Cell<i64>,
}

type Closed<K, A> = Record<Windowed<K>, Change<A>>;

type Store<K, A> = RefCell<TypedStore<Windowed<K>, A>>;

impl Closing {
    pub(super) fn new(windows: TimeWindows, silence: Option<Duration>) -> Self {
        Self {
            windows,
            next_start: Cell::new(0),
            silence: silence.map(to_millis),
            heard_at: Cell::new(i64::MAX),
            closed: Cell::new(-1),
        }
    }

    pub(super) fn closed(&self) -> i64 {
        self.closed.get()
    }

    /// Goes on from where windows were told of before a restart.
    pub(super) fn resume(&self, closed_until: i64) {
        self.closed.set(closed_until);
        if closed_until >= self.windows.size_ms() {
            self.told(self.last_by(closed_until));
        }
    }

    /// The start (ms) of the last window that ends by `closed_until`.
    fn last_by(&self, closed_until: i64) -> i64 {
        self.windows.start_before(closed_until - self.windows.size_ms())
    }

    /// The window that starts at `last` and all before it have been told of.
    fn told(&self, last: i64) {
        self.next_start.set(last.saturating_add(self.windows.advance_ms()));
    }

    pub(super) fn hear(&self, wall_clock: i64) {
        self.heard_at.set(wall_clock);
    }

    /// Begins to look at the wall clock.
    pub(super) fn listen(&self, node: NodeId, cx: &mut Context<'_>) {
        let Some(silence) = self.silence else { return };
        let now = cx.state.wall_clock;
        let interval = Duration::from_millis((silence / 4).clamp(LOOK_MS.0, LOOK_MS.1).unsigned_abs());
        cx.state.schedule.add(node, PunctuationKind::WallClock, interval, now);
    }

    /// Whether the input has been silent for long enough at `now`; then windows close on the wall clock.
    pub(super) fn fell_silent(&self, now: i64) -> bool {
        let silent = self.silence.is_some_and(|silence| now.saturating_sub(self.heard_at.get()) >= silence);
        if silent {
            self.closed.set(self.closed.get().max(now - self.windows.grace_ms()));
        }
        silent
    }

    /// Tells the nodes below of every window that ends by `closed_until` and was not told of, and has the next commit say so
    /// under the name of the store, as Kafka does. Should a node below fail, none of them counts as told of: if the record is
    /// tried again, they all are.
    pub(super) fn tell<K: Element, A: Element>(
        &self,
        closed_until: i64,
        store: &Store<K, A>,
        headers: &Headers,
        below: &dyn Downstream<Windowed<K>, Change<A>>,
        cx: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let first = self.next_start.get();
        let latest = closed_until - self.windows.size_ms();
        if latest < first {
            return Ok(());
        }
        let last = self.last_by(closed_until);
        let mut after = None;
        loop {
            let closed = read(store, first, last, after.as_ref())?;
            let is_last = closed.len() < CHUNK;
            after = closed.last().map(|record| record.key.clone());
            for record in closed {
                cx.pass(below, Record { headers: headers.clone(), ..record })?;
            }
            if is_last {
                break;
            }
        }
        self.told(last);
        cx.note(store.borrow().name(), closed_until);
        Ok(())
    }
}

/// The store is free again while the nodes below work, so they may read it.
fn read<K: Element, A: Element>(
    store: &Store<K, A>,
    first: i64,
    last: i64,
    after: Option<&Windowed<K>>,
) -> Result<Vec<Closed<K, A>>, StoreError> {
    let mut closed = Vec::new();
    store.borrow().windows_between(first, last, after, |key, value, timestamp| {
        closed.push(Record::new(key, Change { new: Some(value), old: None }, timestamp));
        if closed.len() < CHUNK { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(closed)
}
