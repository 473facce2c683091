//! The one task that talks to brokers for a producer: it feeds sealed batches to the pure core of [`super::flow`],
//! and carries out what the core allows.

mod answered;
mod brokers;
mod drain;
mod identity;
mod request;
mod response;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use millstream_wire::ids::NodeId;

use self::brokers::Brokers;
use self::response::Flight;
use super::accumulator::Accumulator;
use super::completion::Written;
use super::flow::{Batch, Identities, Identity, Lane, Limits};
use super::topic::{PartitionQueue, Slot};
use crate::connection::Link;
use crate::{Error, Result};

/// How often waiting batches are checked against `delivery.timeout.ms`, which is minutes.
const EXPIRE_EVERY: Duration = Duration::from_millis(200);
/// A sender with nothing to do wakes up this often.
const IDLE: Duration = Duration::from_secs(60);

/// Something that the sender waited for.
enum Event {
    Answered { node: NodeId, flights: Vec<Flight>, version: i16, answer: Result<Bytes>, link: Arc<Link> },
    Connected { node: NodeId, result: Result<Arc<Link>> },
    Identity(Result<Identity>),
}

/// A partition's lane, and who it is for.
struct Track {
    queue: Arc<PartitionQueue>,
    lane: Lane,
    /// It stands in [`Sender::active`].
    active: bool,
}

/// See the module.
pub(super) struct Sender {
    shared: Arc<Accumulator>,
    limits: Limits,
    identities: Identities,
    /// An InitProducerId is under way.
    identifying: bool,
    /// By slot. Slots without a batch so far are empty.
    tracks: Vec<Option<Track>>,
    /// Slots with queued batches, in turn.
    active: VecDeque<Slot>,
    /// Open batches by the end of their linger.
    lingering: VecDeque<(Instant, Arc<PartitionQueue>)>,
    brokers: Brokers,
    /// Brokers that have batches and take none, and since when.
    stalled: HashMap<NodeId, Instant>,
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    next_expiry: Instant,
}

impl Sender {
    pub(super) fn new(shared: Arc<Accumulator>) -> Self {
        let config = &shared.config;
        let limits = Limits {
            idempotent: config.is_idempotent(),
            max_in_flight: config.max_in_flight,
            retries: config.retries,
            delivery_timeout: config.delivery_timeout,
            backoff: shared.cluster.retry_backoff(),
        };
        Self {
            shared,
            limits,
            identities: Identities::default(),
            identifying: false,
            tracks: Vec::new(),
            active: VecDeque::new(),
            lingering: VecDeque::new(),
            brokers: Brokers::default(),
            stalled: HashMap::new(),
            events: FuturesUnordered::new(),
            next_expiry: Instant::now() + EXPIRE_EVERY,
        }
    }

    /// Runs until the producer is dropped.
    pub(super) async fn run(mut self) {
        let mut changes = self.shared.cluster.changes();
        loop {
            let now = Instant::now();
            self.take_inbox();
            self.seal_lingering(now);
            self.expire(now);
            self.drain(now);
            let until = self.sleep_until(now);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = shared.wake.notified() => {}
                Some(event) = self.events.next(), if !self.events.is_empty() => self.handle(event),
                Ok(()) = changes.changed() => self.shared.learn_growth(),
                () = tokio::time::sleep_until(until.into()) => {}
            }
            while let Some(Some(event)) = self.events.next().now_or_never() {
                self.handle(event);
            }
        }
    }

    fn take_inbox(&mut self) {
        let mut inbox = self.shared.inbox.lock();
        let sealed = std::mem::take(&mut inbox.sealed);
        let opened = std::mem::take(&mut inbox.opened);
        inbox.lingering = false;
        drop(inbox);
        for (queue, batch) in sealed {
            self.enqueue(&queue, batch);
        }
        let linger = self.shared.config.linger;
        self.lingering.extend(opened.into_iter().map(|(queue, at)| (at + linger, queue)));
    }

    fn enqueue(&mut self, queue: &Arc<PartitionQueue>, batch: Batch) {
        let slot = queue.slot as usize;
        if self.tracks.len() <= slot {
            self.tracks.resize_with((self.shared.slots() as usize).max(slot + 1), || None);
        }
        let track = self.tracks[slot].get_or_insert_with(|| Track {
            queue: Arc::clone(queue),
            lane: Lane::default(),
            active: false,
        });
        track.lane.enqueue(batch);
        self.activate(queue.slot);
    }

    fn activate(&mut self, slot: Slot) {
        if let Some(track) = self.track(slot)
            && !track.active
        {
            track.active = true;
            self.active.push_back(slot);
        }
    }

    fn track(&mut self, slot: Slot) -> Option<&mut Track> {
        self.tracks.get_mut(slot as usize)?.as_mut()
    }

    /// Closes the batches whose linger is over; a batch that was filled before is not there any more.
    fn seal_lingering(&mut self, now: Instant) {
        while let Some((due, queue)) = self.lingering.front() {
            if *due > now {
                break;
            }
            let mut encoder = queue.encoder.lock();
            let linger = self.shared.config.linger;
            if encoder.batch.as_ref().is_some_and(|batch| batch.created + linger <= now) {
                self.shared.seal(queue, &mut encoder);
            }
            drop(encoder);
            self.lingering.pop_front();
        }
        self.take_inbox_if_sealed();
    }

    fn take_inbox_if_sealed(&mut self) {
        if !self.shared.inbox.lock().sealed.is_empty() {
            self.take_inbox();
        }
    }

    fn expire(&mut self, now: Instant) {
        if now < self.next_expiry {
            return;
        }
        self.next_expiry = now + EXPIRE_EVERY;
        for slot in self.active.clone() {
            let limits = self.limits;
            let gone = self.track(slot).map_or_else(Vec::new, |track| track.lane.expire(&limits, now));
            if let Some(track) = self.track(slot) {
                track.queue.waiting.fetch_sub(gone.len(), Ordering::Relaxed);
            }
            for (batch, error) in gone {
                self.settle(&batch, Err(error));
            }
        }
    }

    fn settle(&mut self, batch: &Batch, outcome: Result<Written>) {
        batch.settle(outcome);
        self.shared.settled(&batch.part.completion);
    }

    /// Fails everything that is not settled.
    fn give_up(&mut self, error: &Error) {
        self.take_inbox();
        for track in self.tracks.iter_mut().flatten() {
            track.queue.waiting.store(0, Ordering::Relaxed);
            for batch in track.lane.abandon() {
                batch.settle(Err(error.clone()));
                self.shared.settled(&batch.part.completion);
            }
        }
    }

    /// When there is something to do without being woken. Also notes that the sender looks after lingering batches.
    fn sleep_until(&mut self, now: Instant) -> Instant {
        let linger = self.lingering.front().map(|(due, _)| *due);
        let mut until = linger.unwrap_or(now + IDLE);
        if !self.active.is_empty() {
            until = until.min(self.next_expiry);
        }
        for slot in &self.active {
            if let Some(Some(track)) = self.tracks.get(*slot as usize)
                && let Some(at) = track.lane.not_before()
            {
                until = until.min(at);
            }
        }
        self.shared.inbox.lock().lingering = linger.is_some();
        until
    }
}

impl Drop for Sender {
    /// Whoever still waits for a delivery learns that nobody sends it any more.
    fn drop(&mut self) {
        self.give_up(&Error::Closed);
    }
}
