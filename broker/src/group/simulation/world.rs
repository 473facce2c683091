//! The clock, the network and fate.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::checker::Checker;
use super::client::{Client, Phase, Request, Response, Steps};
use super::coordinator::{Coordinator, Fault, Output, Waiting};
use crate::group::classic::StoreId;
use crate::group::time::{Millis, Now};

/// Faults happen until then.
const STORM_ENDS: Millis = 180_000;
/// Everything has settled by then.
const END: Millis = STORM_ENDS + 120_000;
const CLIENTS_MAX: usize = 6;

enum Event {
    Arrives(Waiting),
    Answered {
        client: usize,
        call: u64,
        generation: i32,
        response: Response,
    },
    Wakes {
        client: usize,
        alarm: u64,
    },
    Durable {
        incarnation: u64,
        at: usize,
        store: Option<StoreId>,
    },
    Refused {
        incarnation: u64,
        store: StoreId,
    },
    Restarts,
    /// Something goes wrong.
    Fate,
}

pub(super) struct World {
    rng: SmallRng,
    now: Millis,
    /// By time; equal times in the order in which they were planned.
    events: BTreeMap<(Millis, u64), Event>,
    planned: u64,
    clients: Vec<Client>,
    /// Each client's newest alarm: setting one cancels the one before.
    alarms: Vec<u64>,
    coordinator: Coordinator,
    checker: Checker,
    commits: i64,
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let count = rng.random_range(1..=CLIENTS_MAX);
        let clients: Vec<Client> = (0..count).map(|at| Client::new(at, &mut rng)).collect();
        Self {
            rng,
            now: 0,
            events: BTreeMap::new(),
            planned: 0,
            alarms: vec![0; clients.len()],
            clients,
            coordinator: Coordinator::new(fault, Now { ticks: 0, wall_ms: 0 }),
            checker: Checker::default(),
            commits: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<(), String> {
        for client in 0..self.clients.len() {
            let steps = self.clients[client].start();
            self.take(client, steps);
        }
        self.plan(1_000, Event::Fate);
        while self.now < END {
            self.step()?;
            self.checker.nobody_waits_too_long(&self.coordinator, self.now)?;
        }
        self.checker.settled(&self.coordinator, &self.clients)
    }

    /// The next event, or the next deadline of the group where that comes first.
    fn step(&mut self) -> Result<(), String> {
        let next = self.events.first_key_value().map_or(END, |((at, _), _)| *at);
        if let Some(at) = self.coordinator.wake_at().filter(|at| *at <= next) {
            self.now = self.now.max(at);
            let outputs = self.coordinator.tick(self.time());
            return self.carry_out(outputs);
        }
        self.now = next;
        match self.events.pop_first() {
            Some((_, event)) => self.happen(event),
            None => Ok(()),
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        let now = self.time();
        let outputs = match event {
            Event::Arrives(waiting) => self.coordinator.serve(Waiting { since: self.now, ..waiting }, now),
            Event::Answered { client, call, generation, response } => {
                self.receive(client, call, generation, response);
                Vec::new()
            }
            Event::Wakes { client, alarm } => {
                self.wake(client, alarm);
                Vec::new()
            }
            Event::Durable { incarnation, at, store } if incarnation == self.coordinator.incarnation => {
                self.coordinator.durable(at, store, now)
            }
            Event::Refused { incarnation, store } if incarnation == self.coordinator.incarnation => {
                self.coordinator.refuse(store, now)
            }
            Event::Durable { .. } | Event::Refused { .. } => Vec::new(),
            Event::Restarts => {
                let group = self.coordinator.restart(now);
                self.checker.restarted(group)?;
                Vec::new()
            }
            Event::Fate => self.fate(),
        };
        self.carry_out(outputs)
    }

    /// A client crashes or leaves, one that is down comes back, or the coordinator crashes. When the storm is
    /// over everyone comes back for good.
    fn fate(&mut self) -> Vec<Output> {
        if self.now >= STORM_ENDS {
            for client in 0..self.clients.len() {
                self.revive(client);
            }
            return Vec::new();
        }
        let next = self.rng.random_range(500..12_000);
        self.plan(next, Event::Fate);
        let client = self.rng.random_range(0..self.clients.len());
        match self.rng.random_range(0..10) {
            0 if self.coordinator.group.is_some() => {
                let downtime = self.rng.random_range(1..5_000);
                self.plan(downtime, Event::Restarts);
                let survivors = self.rng.random_range(0..3);
                return self.coordinator.crash(survivors);
            }
            1 | 2 => self.clients[client].crash(),
            3 | 4 => {
                let steps = self.clients[client].leave();
                self.take(client, steps);
            }
            _ => self.revive(client),
        }
        Vec::new()
    }

    fn revive(&mut self, client: usize) {
        if self.clients[client].phase == Phase::Down {
            let steps = self.clients[client].start();
            self.take(client, steps);
        }
    }

    fn wake(&mut self, client: usize, alarm: u64) {
        if self.alarms[client] == alarm {
            self.commits += 1;
            let steps = self.clients[client].wake(&mut self.rng, self.commits);
            self.take(client, steps);
        }
    }

    fn receive(&mut self, client: usize, call: u64, generation: i32, response: Response) {
        let to = &mut self.clients[client];
        let is_awaited = match response {
            Response::Join(_) | Response::Sync(_) => to.call == call,
            Response::Lost => to.call == call && to.phase != Phase::Down,
            _ => to.phase == Phase::Stable && to.generation == generation,
        };
        if is_awaited {
            let steps = to.receive(response);
            self.take(client, steps);
        }
    }

    fn take(&mut self, client: usize, steps: Steps) {
        for request in steps.send {
            self.send(client, request);
        }
        if let Some(after) = steps.wake_after {
            self.alarms[client] += 1;
            let alarm = self.alarms[client];
            self.plan(after, Event::Wakes { client, alarm });
        }
    }

    /// A request may be lost, late, or arrive twice.
    fn send(&mut self, client: usize, request: Request) {
        let call = self.clients[client].call;
        let waiting = Waiting { client, call, since: self.now, request };
        if self.is_unlucky(0.02) {
            return;
        }
        if self.is_unlucky(0.02) {
            let delay = self.delay();
            self.plan(delay, Event::Arrives(waiting.clone()));
        }
        let delay = self.delay();
        self.plan(delay, Event::Arrives(waiting));
    }

    fn carry_out(&mut self, outputs: Vec<Output>) -> Result<(), String> {
        for output in outputs {
            match output {
                Output::Answer(waiting, response) => {
                    self.checker.answers(&self.coordinator, &waiting, &response)?;
                    self.answer(*waiting, response);
                }
                Output::Append(at, store) => self.append(at, store),
            }
        }
        Ok(())
    }

    fn answer(&mut self, waiting: Waiting, response: Response) {
        let generation = match &waiting.request {
            Request::Heartbeat(sender) | Request::Commit(sender, _) => sender.generation,
            _ => -1,
        };
        if !self.is_unlucky(0.02) {
            let delay = self.delay();
            let event = Event::Answered { client: waiting.client, call: waiting.call, generation, response };
            self.plan(delay, event);
        }
    }

    /// The disk takes its time, and sometimes takes nothing.
    fn append(&mut self, at: usize, store: Option<StoreId>) {
        let incarnation = self.coordinator.incarnation;
        let is_last = at + 1 == self.coordinator.log.len();
        match store.filter(|_| is_last && self.coordinator.durable <= at) {
            Some(store) if self.is_unlucky(0.05) => {
                self.coordinator.log.pop();
                self.plan(0, Event::Refused { incarnation, store });
            }
            _ => {
                let longest = if self.is_unlucky(0.1) { 6_000 } else { 60 };
                let delay = self.rng.random_range(0..longest);
                self.plan(delay, Event::Durable { incarnation, at, store });
            }
        }
    }

    fn is_unlucky(&mut self, probability: f64) -> bool {
        self.now < STORM_ENDS && self.rng.random_bool(probability)
    }

    /// Mostly short; now and then long enough to arrive in another generation.
    fn delay(&mut self) -> Millis {
        if self.is_unlucky(0.03) { self.rng.random_range(0..8_000) } else { self.rng.random_range(0..20) }
    }

    fn plan(&mut self, after: Millis, event: Event) {
        self.planned += 1;
        self.events.insert((self.now + after, self.planned), event);
    }

    fn time(&self) -> Now {
        Now { ticks: self.now, wall_ms: self.now as i64 }
    }
}
