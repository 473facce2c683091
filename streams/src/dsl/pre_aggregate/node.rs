//! The node that combines.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::data::Data;
use crate::errors::Origin;
use crate::processing::{Attended, Punctuation};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{Assembly, Flush, PunctuationKind, TopicHandle, erase};
use crate::topology::{Changes, Graph, NodeId, NodeKind, TopicName};
use crate::window::{TimeWindows, to_millis};

use super::buffer::{Buffer, New, Update};
use super::lanes::Lanes;

/// How often (ms) partials are sent at least where windows close on the wall clock, at least and at most; in between it is a
/// quarter of the silence that closes them.
const SEND_MS: (i64, i64) = (10, 1_000);

/// What is made of a partial and the next record: of none, of the first record alone.
pub(super) trait Combine<K, T, P>: Fn(&K, T, Option<P>) -> P + Send + Sync + 'static {}

impl<K, T, P, F: Fn(&K, T, Option<P>) -> P + Send + Sync + 'static> Combine<K, T, P> for F {}

/// How records become partials.
pub(super) struct How<V, T, F> {
    /// What is combined of a value; `None`: the record takes no part.
    pub(super) take: fn(V) -> Option<T>,
    pub(super) combine: F,
    pub(super) windows: Option<Windows>,
    /// Whether partials are something else than values, and written otherwise.
    pub(super) changes: Changes,
}

/// The windows of the aggregation below.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub(super) windows: TimeWindows,
    /// After how long a silence they close on the wall clock.
    pub(super) silence: Option<Duration>,
}

/// Where partials go, and how many may be held.
pub(super) struct Bounds {
    /// The name of the repartition topic without the application's id.
    pub(super) topic: String,
    pub(super) max_bytes: usize,
}

pub(super) fn add<K, V, T, P, F>(
    graph: &mut Graph,
    above: NodeId,
    name: String,
    Bounds { topic, max_bytes }: Bounds,
    How { take, combine, windows, changes }: How<V, T, F>,
) -> NodeId
where
    K: Data,
    V: Data,
    T: 'static,
    P: Data,
    F: Combine<K::Present, T, P>,
{
    let combine = Arc::new(combine);
    let key = graph.key_serde::<K>(above);
    let value = if changes.values() { SerdeHandle::native() } else { graph.value_serde::<P>(above) };
    let topic = TopicName::Internal(topic.into());
    let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
        let node = Rc::new(PreAggregate {
            node: id,
            key: key.clone(),
            topic: topic.clone(),
            to: assembly.topic(&topic),
            take,
            combine: Arc::clone(&combine),
            max_bytes,
            windows,
            lanes: RefCell::new(Lanes::default()),
            key_bytes: RefCell::new(Vec::new()),
            held: RefCell::new(Buffer::new(value.clone())),
            below: assembly.downstream::<K, P>(id),
        });
        assembly.flushes(id, Rc::clone(&node) as Rc<dyn Flush>);
        if windows.is_some_and(|windows| windows.silence.is_some()) {
            assembly.attends(id, Rc::clone(&node) as Rc<dyn Attended>);
        }
        erase::<K, V>(node)
    });
    graph.check_name(&name);
    let node = graph.add(name, NodeKind::Processor { factory }, &[above]);
    graph.pass_serdes(above, node, changes);
    node
}

struct PreAggregate<K: Data, V, T, P: 'static, F> {
    node: NodeId,
    key: SerdeHandle<K>,
    topic: TopicName,
    to: TopicHandle,
    take: fn(V) -> Option<T>,
    combine: Arc<F>,
    max_bytes: usize,
    windows: Option<Windows>,
    /// Empty where there are no windows.
    lanes: RefCell<Lanes>,
    /// The bytes of the present key, kept so that no record allocates.
    key_bytes: RefCell<Vec<u8>>,
    held: RefCell<Buffer<K::Present, P>>,
    below: Rc<dyn Downstream<K, P>>,
}

impl<K: Data, V, T, P: Data, F: Combine<K::Present, T, P>> PreAggregate<K, V, T, P, F> {
    /// The partition that a key is sent to.
    fn partition(&self, key: &[u8], cx: &mut Context<'_>) -> usize {
        let partitioned = key.len().saturating_sub(self.key.unpartitioned_suffix());
        let partition = cx.sink.partition_for_key(self.to, &key[..partitioned]);
        partition.and_then(|partition| usize::try_from(partition).ok()).unwrap_or_default()
    }

    /// Lets the time of a partition go by. What is held is sent first if a window of it closes by that.
    fn advance(&self, lane: usize, timestamp: i64, cx: &mut Context<'_>) -> Result<bool, ProcessError> {
        let closes = self.lanes.borrow().closes(lane, timestamp);
        if closes {
            self.send(cx)?;
        }
        self.lanes.borrow_mut().advance(lane, timestamp);
        Ok(closes)
    }

    /// Sends what is held, in the order in which it came.
    fn send(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let held = self.held.borrow().len();
        for index in 0..held {
            let Some(record) = self.held.borrow().record(index).and_then(with_nullable_key) else { continue };
            cx.return_to(self.node);
            let origin = Origin::Entry(&self.held, index);
            Context { sink: &mut *cx.sink, state: &mut *cx.state, origin }.pass(&*self.below, record)?;
        }
        self.held.borrow_mut().clear();
        self.lanes.borrow_mut().sent();
        Ok(())
    }
}

/// A record of the type that it was grouped as.
fn with_nullable_key<K: Data, P>(record: Record<K::Present, P>) -> Option<Record<K, P>> {
    let Record { key, value, timestamp, headers } = record;
    Some(Record { key: K::from_present(Some(key))?, value, timestamp, headers })
}

impl<K, V, T, P, F> Downstream<K, V> for Rc<PreAggregate<K, V, T, P, F>>
where
    K: Data,
    P: Data,
    F: Combine<K::Present, T, P>,
{
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let Record { key, value, timestamp, headers } = record;
        let bytes = &mut *self.key_bytes.borrow_mut();
        bytes.clear();
        let encoded = self.key.encode(&key, bytes);
        encoded.map_err(|source| ProcessError::encode("key", self.topic.as_str(), source))?;
        let (Some(key), Some(value)) = (key.into_present(), (self.take)(value)) else {
            cx.drop_record();
            return Ok(());
        };
        let pane = self.windows.map_or(0, |of| of.windows.pane_start(timestamp));
        let (hash, mut found) = self.held.borrow().find(bytes, pane);
        let mut lane = 0;
        if self.windows.is_some() {
            lane = match found {
                Some(index) => self.held.borrow().lane(index),
                None => self.partition(bytes, cx),
            };
            if self.advance(lane, timestamp, cx)? {
                found = None;
                cx.return_to(self.node);
            }
        }
        let update = Update { timestamp, headers, source: cx.source(), lenient: cx.is_lenient() };
        let combine = |key: &K::Present, sofar| (self.combine)(key, value, sofar);
        match found {
            Some(index) => self.held.borrow_mut().update(index, update, combine),
            None => {
                let new = New { hash, bytes, pane, lane, key };
                self.held.borrow_mut().insert(new, update, combine);
                if let Some(Windows { windows, .. }) = &self.windows {
                    self.lanes.borrow_mut().hold(lane, windows, timestamp);
                }
            }
        }
        let full = self.held.borrow().bytes() > self.max_bytes;
        if full { self.send(cx) } else { Ok(()) }
    }
}

impl<K: Data, V, T, P: Data, F: Combine<K::Present, T, P>> Flush for PreAggregate<K, V, T, P, F> {
    fn flush(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        self.send(cx)
    }
}

/// Where the aggregation below closes windows when nothing comes for a while, it must hear of what is held before.
impl<K: Data, V, T, P: Data, F: Combine<K::Present, T, P>> Attended for PreAggregate<K, V, T, P, F> {
    fn init(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        let silence = self.windows.and_then(|windows| windows.silence).map(to_millis);
        if let Some(silence) = silence {
            let interval = (silence / 4).clamp(SEND_MS.0, SEND_MS.1).unsigned_abs();
            let (now, interval) = (cx.state.wall_clock, Duration::from_millis(interval));
            cx.state.schedule.add(self.node, PunctuationKind::WallClock, interval, now);
        }
        Ok(())
    }

    fn punctuate(&self, _at: Punctuation, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        self.send(cx)
    }

    fn close(&self) {}
}
