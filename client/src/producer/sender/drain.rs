//! What leaves: for each broker with room, a batch of each of its partitions at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use kafka_protocol::messages::ProduceRequest;
use millstream_wire::ids::NodeId;
use smallvec::SmallVec;

use super::brokers::Access;
use super::identity::identify;
use super::request::{self, Shipment, TOPIC_IDS};
use super::response::Flight;
use super::{Event, Sender, Track};
use crate::connection::{Frame, Link};
use crate::metadata::Snapshot;
use crate::producer::topic::Slot;

/// Bytes of a request around each batch, for `max.request.size`.
const SHIPMENT_OVERHEAD: usize = 32;

impl Sender {
    /// Sends what may leave: for each broker with room, one batch of each of its partitions at a time.
    pub(super) fn drain(&mut self, now: Instant) {
        if self.active.is_empty() || !self.identified() {
            return;
        }
        let snapshot = self.shared.cluster.snapshot();
        let mut unknown = false;
        // Brokers that something waits for, and whether they took any.
        let mut served: SmallVec<[(NodeId, bool); 8]> = SmallVec::new();
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
                Some(node) if served.iter().any(|(known, _)| *known == node) => {}
                Some(node) => {
                    let took = self.drain_to(node, slot, &snapshot, now);
                    served.push((node, took));
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
        if self.shared.config.availability_timeout > Duration::ZERO {
            self.note_stalled(&served, &snapshot, now);
        }
    }

    /// Marks the partitions of brokers that take nothing for `partitioner.availability.timeout.ms`, and unmarks those of
    /// brokers that take something again or that nothing waits for.
    fn note_stalled(&mut self, served: &[(NodeId, bool)], snapshot: &Snapshot, now: Instant) {
        let stalls = |node: &NodeId| served.contains(&(*node, false));
        self.stalled.retain(|node, _| stalls(node));
        for (node, _) in served.iter().filter(|(node, _)| stalls(node)) {
            self.stalled.entry(*node).or_insert(now);
        }
        let timeout = self.shared.config.availability_timeout;
        for Track { queue, .. } in self.tracks.iter().flatten() {
            let leader = snapshot.partition(&queue.topic, queue.partition).and_then(|p| p.leader);
            let since = leader.and_then(|leader| self.stalled.get(&leader));
            queue
                .stalled
                .store(since.is_some_and(|since| now.duration_since(*since) >= timeout), Ordering::Relaxed);
        }
    }

    /// Fills requests to `node`, beginning with the batch of `first`, as long as batches and room last; false if nothing
    /// could leave.
    fn drain_to(&mut self, node: NodeId, first: Slot, snapshot: &Snapshot, now: Instant) -> bool {
        let mut took = false;
        loop {
            match self.brokers.access(node, self.limits.max_in_flight) {
                Access::Busy => return took,
                Access::Connect => {
                    self.connect(node);
                    return took;
                }
                Access::Open(link) => {
                    let shipments = self.load(node, first, snapshot, now);
                    if shipments.is_empty() {
                        return took;
                    }
                    took = true;
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
        snapshot: &Snapshot,
        now: Instant,
    ) -> Vec<(Flight, Shipment)> {
        let mut loaded: Vec<(Flight, Shipment)> = Vec::new();
        let mut bytes_left = self.shared.config.max_request_size;
        let limits = self.limits;
        let others = self.active.iter().copied().filter(|slot| *slot != first);
        let slots: SmallVec<[Slot; 16]> = std::iter::once(first).chain(others).collect();
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
}

/// Sends a request of `acks=0`; it counts as answered when it is with the socket.
async fn unanswered(
    node: NodeId,
    flights: Vec<Flight>,
    version: i16,
    link: Arc<Link>,
    frame: Frame,
) -> Event {
    let answer = link.submit_unanswered(frame).await.map(|()| Bytes::new());
    Event::Answered { node, flights, version, answer, link }
}
