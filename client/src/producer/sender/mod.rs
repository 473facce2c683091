//! The one task that talks to brokers for a producer: it feeds sealed batches to the pure core of [`super::flow`],
//! and carries out what the core allows.

mod brokers;
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
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId as WireProducerId};
use millstream_wire::ids::{NodeId, ProducerEpoch, ProducerId};

use self::brokers::{Access, Brokers};
use self::request::{Shipment, TOPIC_IDS};
use self::response::{Flight, answers};
use super::accumulator::Accumulator;
use super::completion::Written;
use super::flow::{Answer, Batch, Identities, Identity, Lane, Limits, Verdict, unsplittable};
use super::topic::{PartitionQueue, Slot};
use crate::connection::Link;
use crate::{Error, Result};

/// How often waiting batches are checked against `delivery.timeout.ms`, which is minutes.
const EXPIRE_EVERY: Duration = Duration::from_millis(200);
/// A sender with nothing to do wakes up this often.
const IDLE: Duration = Duration::from_secs(60);
/// Bytes of a request around each batch, for `max.request.size`.
const SHIPMENT_OVERHEAD: usize = 32;

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
            for (batch, error) in gone {
                self.settle(&batch, Err(error));
            }
        }
    }

    fn settle(&mut self, batch: &Batch, outcome: Result<Written>) {
        batch.settle(outcome);
        self.shared.settled(&batch.part.completion);
    }

    /// Sends what may leave: for each broker with room, one batch of each of its partitions at a time.
    fn drain(&mut self, now: Instant) {
        if self.active.is_empty() || !self.identified() {
            return;
        }
        let snapshot = self.shared.cluster.snapshot();
        let mut unknown = false;
        let mut served: smallvec::SmallVec<[NodeId; 8]> = smallvec::SmallVec::new();
        for _ in 0..self.active.len() {
            let Some(slot) = self.active.pop_front() else { break };
            let Some(track) = self.track(slot) else { continue };
            if !track.lane.has_queued() {
                track.active = false;
                continue;
            }
            let leader = snapshot.partition(&track.queue.topic, track.queue.partition).and_then(|p| p.leader);
            self.active.push_back(slot);
            match leader {
                Some(node) if served.contains(&node) => {}
                Some(node) => {
                    served.push(node);
                    self.drain_to(node, slot, &snapshot, now);
                }
                None => {
                    unknown = true;
                    if let Some(Some(track)) = self.tracks.get(slot as usize) {
                        self.shared.cluster.touch(&track.queue.topic);
                    }
                }
            }
        }
        if unknown {
            self.shared.cluster.request_refresh();
        }
    }

    /// Fills requests to `node`, beginning with the batch of `first`, as long as batches and room last.
    fn drain_to(&mut self, node: NodeId, first: Slot, snapshot: &crate::metadata::Snapshot, now: Instant) {
        loop {
            match self.brokers.access(node, self.limits.max_in_flight) {
                Access::Busy => return,
                Access::Connect => return self.connect(node),
                Access::Open(link) => {
                    let shipments = self.load(node, first, snapshot, now);
                    if shipments.is_empty() {
                        return;
                    }
                    self.ship(node, link, shipments);
                }
            }
        }
    }

    /// Takes a batch of each partition that `node` leads, up to `max.request.size`.
    fn load(
        &mut self,
        node: NodeId,
        first: Slot,
        snapshot: &crate::metadata::Snapshot,
        now: Instant,
    ) -> Vec<(Flight, Shipment)> {
        let mut loaded: Vec<(Flight, Shipment)> = Vec::new();
        let mut bytes_left = self.shared.config.max_request_size;
        let limits = self.limits;
        let others = self.active.iter().copied().filter(|slot| *slot != first);
        let slots: smallvec::SmallVec<[Slot; 16]> = std::iter::once(first).chain(others).collect();
        for slot in slots {
            let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            let (topic, partition) = (&track.queue.topic, track.queue.partition);
            if snapshot.partition(topic, partition).and_then(|p| p.leader) != Some(node) {
                continue;
            }
            let size = track.lane.next_size() + SHIPMENT_OVERHEAD;
            if size > bytes_left && !loaded.is_empty() {
                continue;
            }
            let Some((number, bytes)) = track.lane.take(&limits, &mut self.identities, now) else { continue };
            track.queue.waiting.fetch_sub(1, Ordering::Relaxed);
            bytes_left = bytes_left.saturating_sub(size);
            let topic_id = snapshot.topic(topic).map_or_else(uuid::Uuid::nil, |topic| topic.id);
            let flight = Flight { slot, number, topic: Arc::clone(topic), topic_id, partition };
            let shipment = Shipment { topic: Arc::clone(topic), topic_id, partition, bytes };
            loaded.push((flight, shipment));
        }
        loaded.sort_by(|(a, _), (b, _)| a.topic.cmp(&b.topic));
        loaded
    }

    fn ship(&mut self, node: NodeId, link: Arc<Link>, loaded: Vec<(Flight, Shipment)>) {
        let (flights, shipments): (Vec<Flight>, Vec<Shipment>) = loaded.into_iter().unzip();
        for topic in shipments.chunk_by(|a, b| a.topic == b.topic) {
            // What is written to stays in the metadata (`metadata.max.idle.ms`).
            self.shared.cluster.touch(&topic[0].topic);
        }
        let named = shipments.iter().any(|shipment| shipment.topic_id.is_nil());
        let cap = if named { TOPIC_IDS - 1 } else { i16::MAX };
        let config = &self.shared.config;
        let acks = config.acks.code();
        let timeout = config.client.request_timeout;
        let frame = link.version::<ProduceRequest>(cap).and_then(|version| {
            let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            Ok((version, request::frame(version, link.client_id(), acks, timeout_ms, &shipments)?))
        });
        self.brokers.sent(node);
        let (version, frame) = match frame {
            Ok(made) => made,
            Err(error) => {
                return self.handle(Event::Answered { node, flights, version: 0, answer: Err(error), link });
            }
        };
        if acks == 0 {
            self.events.push(unanswered(node, flights, version, link, frame).boxed());
            return;
        }
        // Submitted here and now: two requests must not change places.
        let submitted = link.try_submit(frame, timeout);
        self.events.push(
            async move {
                let answer = match submitted {
                    Ok(pending) => pending.await,
                    Err(error) => Err(error),
                };
                Event::Answered { node, flights, version, answer, link }
            }
            .boxed(),
        );
    }

    fn connect(&mut self, node: NodeId) {
        let shared = Arc::clone(&self.shared);
        self.events.push(
            async move {
                let result = match shared.cluster.node(node).await {
                    Ok(link) => {
                        link.quiet().await;
                        Ok(link)
                    }
                    Err(error) => Err(error),
                };
                Event::Connected { node, result }
            }
            .boxed(),
        );
    }

    /// Whether batches can be stamped; asks the broker for an identity if not.
    fn identified(&mut self) -> bool {
        if !self.limits.idempotent || self.identities.current().is_some() {
            return true;
        }
        if !self.identifying {
            self.identifying = true;
            let shared = Arc::clone(&self.shared);
            self.events.push(async move { Event::Identity(identify(&shared).await) }.boxed());
        }
        false
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected { node, result: Ok(link) } => self.brokers.connected(node, Some(link)),
            Event::Connected { node, result: Err(error) } => {
                tracing::debug!(%error, %node, "no connection for producing");
                self.brokers.connected(node, None);
                self.shared.cluster.request_refresh();
            }
            Event::Identity(Ok(identity)) => {
                self.identifying = false;
                self.identities.given(identity);
            }
            Event::Identity(Err(error)) => {
                self.identifying = false;
                self.give_up(&error);
            }
            Event::Answered { node, flights, version, answer, link } => {
                self.brokers.answered(node);
                self.answered(flights, version, answer, &link);
            }
        }
    }

    fn answered(&mut self, flights: Vec<Flight>, version: i16, answer: Result<Bytes>, link: &Arc<Link>) {
        let acks_none = self.shared.config.acks.code() == 0;
        let response = match answer {
            Ok(_) if acks_none => {
                let written = Answer::Written(Written { base_offset: None, append_time: None });
                return flights.into_iter().for_each(|flight| self.apply(flight, written.clone()));
            }
            Ok(frame) => link.read::<ProduceRequest>(frame, version),
            Err(error) => Err(error),
        };
        match response {
            Ok(response) => {
                answers(response, flights).into_iter().for_each(|(f, answer)| self.apply(f, answer))
            }
            Err(error) => {
                self.shared.cluster.request_refresh();
                flights.into_iter().for_each(|flight| self.apply(flight, Answer::Lost(error.clone())));
            }
        }
    }

    fn apply(&mut self, flight: Flight, answer: Answer) {
        let (limits, now) = (self.limits, Instant::now());
        let Some(track) = self.track(flight.slot) else { return };
        match track.lane.answered(flight.number, answer, &limits, now) {
            Verdict::Settled(batch, outcome) => self.settle(&batch, outcome),
            Verdict::Again { stale_metadata } => {
                track.queue.waiting.fetch_add(1, Ordering::Relaxed);
                if stale_metadata {
                    self.shared.cluster.request_refresh();
                }
            }
            Verdict::TooLarge(batch) => self.split(flight.slot, batch),
            Verdict::Unknown => {}
        }
        self.activate(flight.slot);
    }

    fn split(&mut self, slot: Slot, batch: Batch) {
        let (completion, first, count) = (Arc::clone(&batch.part.completion), batch.part.first, batch.count);
        match (batch.split(), self.track(slot)) {
            (Ok(halves), Some(track)) => {
                track.queue.waiting.fetch_add(halves.len(), Ordering::Relaxed);
                track.lane.put_back_split(halves);
            }
            (Ok(_), None) => {}
            (Err(error), _) => {
                completion.settle(first, count as u32, Err(unsplittable(&error)));
                self.shared.settled(&completion);
            }
        }
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

/// Sends a request of `acks=0`; it counts as answered when it is with the socket.
async fn unanswered(
    node: NodeId,
    flights: Vec<Flight>,
    version: i16,
    link: Arc<Link>,
    frame: crate::connection::Frame,
) -> Event {
    let answer = link.submit_unanswered(frame).await.map(|()| Bytes::new());
    Event::Answered { node, flights, version, answer, link }
}

/// Asks for a producer id until a broker gives one, or says that it never will.
async fn identify(shared: &Accumulator) -> Result<Identity> {
    let mut failures = 0;
    loop {
        let error = match ask_identity(shared).await {
            Ok(identity) => return Ok(identity),
            Err(error) => error,
        };
        if !error.is_retriable() {
            return Err(error);
        }
        failures += 1;
        tracing::debug!(%error, failures, "no producer id yet");
        tokio::time::sleep(shared.cluster.retry_backoff().delay(failures)).await;
    }
}

async fn ask_identity(shared: &Accumulator) -> Result<Identity> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1);
    let response = shared.cluster.any().await?.call(&request).await?;
    crate::error::check(response.error_code, || "InitProducerId".to_owned())?;
    Ok(Identity { id: ProducerId(response.producer_id.0), epoch: ProducerEpoch(response.producer_epoch) })
}
