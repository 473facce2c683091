//! What comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;

use super::response::{Flight, answers};
use super::{Event, Sender};
use crate::Result;
use crate::connection::Link;
use crate::producer::completion::Written;
use crate::producer::flow::{Answer, Batch, Verdict, unsplittable};
use crate::producer::topic::Slot;

impl Sender {
    pub(super) fn handle(&mut self, event: Event) {
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
        let bytes = batch.bytes.clone();
        match (batch.split(), self.track(slot)) {
            (Ok(halves), Some(track)) => {
                track.queue.waiting.fetch_add(halves.len(), Ordering::Relaxed);
                track.lane.put_back_split(halves);
            }
            (Ok(_), None) => {}
            (Err(error), _) => {
                let error = unsplittable(&error);
                completion.reject(first, &bytes, &error);
                completion.settle(first, count as u32, Err(error));
                self.shared.settled(&completion);
            }
        }
    }
}
