//! Members against a model of a coordinator, with lost answers, crashes and slow programs: no partition has two
//! readers, and in the end each has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::membership::{Action, Answer, Joined, Membership, Settings};
use super::{Assignor, CooperativeSticky, Members, Range, RebalanceProtocol, Subscription, TopicSizes};
use crate::connection::Backoff;
use crate::{ErrorCode, TopicPartition};

const PARTITIONS: i32 = 7;
const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(30);

/// A group as a broker keeps it.
#[derive(Default)]
struct Coordinator {
    generation: i32,
    next_member: u32,
    members: BTreeMap<String, Instant>,
    /// Joins of the rebalance under way: member, subscription, who waits (node and ticket).
    joining: BTreeMap<String, (Subscription, usize, u64)>,
    rebalancing_since: Option<Instant>,
    assignments: Option<BTreeMap<String, Vec<TopicPartition>>>,
    syncing: Vec<(String, usize, u64)>,
    current: Members,
}

struct Node {
    membership: Membership,
    alive: bool,
    /// Partitions that the program reads.
    reading: BTreeSet<TopicPartition>,
    /// When the program lets go of what was revoked.
    release_at: Option<Instant>,
    revoking: Vec<TopicPartition>,
    /// The program is busy elsewhere and does not poll.
    busy_until: Instant,
    /// Answers on their way.
    inbox: Vec<(Instant, Input)>,
}

enum Input {
    Found(u64, Answer<()>),
    Named(String),
    Joined(u64, Answer<Joined>),
    Synced(u64, Answer<Vec<TopicPartition>>),
    Beat(i32, Answer<()>),
}

struct World {
    rng: StdRng,
    now: Instant,
    nodes: Vec<Node>,
    coordinator: Coordinator,
    assignor: Arc<dyn Assignor>,
    topics: TopicSizes,
    faults: bool,
}

impl World {
    fn new(seed: u64, assignor: Arc<dyn Assignor>) -> Self {
        let now = Instant::now();
        let topics = [(Arc::from("t"), PARTITIONS)].into_iter().collect();
        let coordinator = Coordinator::default();
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, now, nodes: Vec::new(), coordinator, assignor, topics, faults: true }
    }

    fn start_node(&mut self) {
        let settings = Settings {
            protocol: self.assignor.protocol(),
            heartbeat_interval: Duration::from_secs(3),
            session_timeout: SESSION,
            max_poll_interval: REBALANCE,
            is_static: false,
            backoff: Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) },
        };
        let membership = Membership::new(settings, self.now);
        let (reading, revoking, inbox) = (BTreeSet::new(), Vec::new(), Vec::new());
        let busy_until = self.now;
        self.nodes.push(Node {
            busy_until,
            membership,
            alive: true,
            reading,
            release_at: None,
            revoking,
            inbox,
        });
        let node = self.nodes.len() - 1;
        let actions = self.nodes[node].membership.subscribed(self.now);
        self.carry_out(node, actions);
    }

    fn answer(&mut self, node: usize, input: Input) {
        let delay = Duration::from_millis(self.rng.random_range(1..200));
        let at = self.now + delay;
        self.nodes[node].inbox.push((at, input));
    }

    fn lost(&mut self) -> bool {
        self.faults && self.rng.random_bool(0.03)
    }

    fn carry_out(&mut self, node: usize, actions: Vec<Action>) {
        for action in actions {
            self.act(node, action);
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        let lost = self.lost();
        let id = self.nodes[node].membership.member_id().to_owned();
        let generation = self.nodes[node].membership.generation();
        match action {
            Action::Find(ticket) => {
                self.answer(node, Input::Found(ticket, if lost { Answer::Lost } else { Answer::Done(()) }));
            }
            Action::Join(ticket) if lost => self.answer(node, Input::Joined(ticket, Answer::Lost)),
            Action::Join(ticket) => self.join(node, ticket, id),
            Action::Plan(ticket) => {
                let plan = self.assignor.assign(&self.topics, &self.coordinator.current).unwrap();
                let plan = plan.into_iter().map(|(id, assignment)| (id, assignment.partitions)).collect();
                let actions = self.nodes[node].membership.planned(ticket);
                if self.coordinator.generation == generation && self.coordinator.assignments.is_none() {
                    self.coordinator.assignments = Some(plan);
                }
                self.carry_out(node, actions);
            }
            Action::Sync(ticket) if lost => self.answer(node, Input::Synced(ticket, Answer::Lost)),
            Action::Sync(ticket) => self.sync(node, ticket, &id, generation),
            Action::Heartbeat => {
                let answer = if lost { Answer::Lost } else { self.beat(&id, generation) };
                self.answer(node, Input::Beat(generation, answer));
            }
            Action::Leave(id) => {
                assert!(!id.is_empty(), "whoever leaves names itself");
                self.remove_member(&id);
            }
            Action::Revoke(partitions) => {
                let slow = Duration::from_millis(self.rng.random_range(0..3_000));
                self.nodes[node].release_at = Some(self.now + slow);
                self.nodes[node].revoking = partitions;
            }
            Action::Lose(partitions) => {
                let reading = &mut self.nodes[node].reading;
                reading.retain(|held| !partitions.contains(held));
                self.nodes[node].release_at = None;
            }
            Action::Assign(partitions) => self.assign(node, partitions),
            Action::Fail(code) => panic!("{code}"),
        }
    }

    fn assign(&mut self, node: usize, partitions: Vec<TopicPartition>) {
        let members = &self.coordinator.members;
        for (other, held) in self.nodes.iter().enumerate().filter(|(other, _)| *other != node) {
            // A member that the coordinator dropped does not know it yet: what it holds is fenced.
            let valid = held.alive && members.contains_key(held.membership.member_id());
            for partition in partitions.iter().filter(|_| valid) {
                assert!(
                    !held.reading.contains(partition),
                    "{partition} goes to {node} and {other} still reads it"
                );
            }
        }
        self.nodes[node].reading.extend(partitions);
    }

    fn join(&mut self, node: usize, ticket: u64, id: String) {
        if id.is_empty() {
            self.coordinator.next_member += 1;
            let named = format!("m{}", self.coordinator.next_member);
            self.answer(node, Input::Named(named));
            let refused = Answer::Refused(ErrorCode::MemberIdRequired);
            let at = self.nodes[node].inbox.last().map_or(self.now, |(at, _)| *at);
            self.nodes[node].inbox.push((at, Input::Joined(ticket, refused)));
            return;
        }
        let subscription = Subscription {
            topics: vec!["t".into()],
            owned: self.nodes[node].membership.owned().to_vec(),
            generation: self.nodes[node].membership.generation(),
            ..Subscription::default()
        };
        self.coordinator.members.insert(id.clone(), self.now);
        self.coordinator.joining.insert(id, (subscription, node, ticket));
        self.begin_rebalance();
    }

    fn begin_rebalance(&mut self) {
        if self.coordinator.rebalancing_since.is_none() {
            self.coordinator.rebalancing_since = Some(self.now);
            self.coordinator.assignments = None;
            for (_, node, ticket) in std::mem::take(&mut self.coordinator.syncing) {
                self.answer(node, Input::Synced(ticket, Answer::Refused(ErrorCode::RebalanceInProgress)));
            }
        }
    }

    fn sync(&mut self, node: usize, ticket: u64, id: &str, generation: i32) {
        let refuse = if !self.coordinator.members.contains_key(id) {
            Some(ErrorCode::UnknownMemberId)
        } else if generation != self.coordinator.generation {
            Some(ErrorCode::IllegalGeneration)
        } else if self.coordinator.rebalancing_since.is_some() {
            Some(ErrorCode::RebalanceInProgress)
        } else {
            None
        };
        match refuse {
            Some(code) => self.answer(node, Input::Synced(ticket, Answer::Refused(code))),
            None => self.coordinator.syncing.push((id.to_owned(), node, ticket)),
        }
    }

    fn beat(&mut self, id: &str, generation: i32) -> Answer<()> {
        let Some(seen) = self.coordinator.members.get_mut(id) else {
            return Answer::Refused(ErrorCode::UnknownMemberId);
        };
        if generation != self.coordinator.generation {
            return Answer::Refused(ErrorCode::IllegalGeneration);
        }
        *seen = self.now;
        match self.coordinator.rebalancing_since {
            Some(_) => Answer::Refused(ErrorCode::RebalanceInProgress),
            None => Answer::Done(()),
        }
    }

    fn remove_member(&mut self, id: &str) {
        if self.coordinator.members.remove(id).is_some() {
            self.coordinator.joining.remove(id);
            self.begin_rebalance();
        }
    }

    fn run_coordinator(&mut self) {
        let now = self.now;
        let silent = |(id, seen): (&String, &Instant)| (now - *seen > SESSION).then(|| id.clone());
        let joining: BTreeSet<String> = self.coordinator.joining.keys().cloned().collect();
        let gone: Vec<String> = self.coordinator.members.iter().filter_map(silent).collect();
        for id in gone.iter().filter(|id| !joining.contains(*id)) {
            self.remove_member(id);
        }
        if let Some(since) = self.coordinator.rebalancing_since {
            let all = self.coordinator.members.keys().all(|id| self.coordinator.joining.contains_key(id));
            if all || now - since > REBALANCE {
                self.complete_join();
            }
        }
        if let Some(assignments) = self.coordinator.assignments.clone() {
            for (id, node, ticket) in std::mem::take(&mut self.coordinator.syncing) {
                self.coordinator.members.insert(id.clone(), now);
                let partitions = assignments.get(&id).cloned().unwrap_or_default();
                self.answer(node, Input::Synced(ticket, Answer::Done(partitions)));
            }
        }
    }

    fn complete_join(&mut self) {
        let joined = std::mem::take(&mut self.coordinator.joining);
        self.coordinator.members = joined.keys().map(|id| (id.clone(), self.now)).collect();
        self.coordinator.generation += 1;
        self.coordinator.rebalancing_since = None;
        self.coordinator.assignments = None;
        self.coordinator.current = joined.iter().map(|(id, (sub, ..))| (id.clone(), sub.clone())).collect();
        for (place, (id, (_, node, ticket))) in joined.into_iter().enumerate() {
            let generation = self.coordinator.generation;
            let answer = Answer::Done(Joined { member_id: id, generation, leads: place == 0 });
            self.answer(node, Input::Joined(ticket, answer));
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.random_range(1..100));
        self.run_coordinator();
        for node in 0..self.nodes.len() {
            if self.nodes[node].alive {
                self.step_node(node);
            }
        }
    }

    fn step_node(&mut self, node: usize) {
        let now = self.now;
        if self.faults && self.rng.random_bool(0.0005) {
            self.nodes[node].busy_until = now + REBALANCE + Duration::from_secs(5);
        }
        let polls = self.nodes[node].busy_until <= now;
        let membership = &mut self.nodes[node].membership;
        let mut actions = if polls { membership.polled(now, now) } else { Vec::new() };
        let mut due: Vec<(Instant, Input)> = Vec::new();
        for (at, input) in std::mem::take(&mut self.nodes[node].inbox) {
            if at <= now { due.push((at, input)) } else { self.nodes[node].inbox.push((at, input)) }
        }
        due.sort_by_key(|(at, _)| *at);
        self.carry_out(node, std::mem::take(&mut actions));
        for (_, input) in due {
            let membership = &mut self.nodes[node].membership;
            let actions = match input {
                Input::Found(ticket, answer) => membership.found(ticket, answer, now),
                Input::Named(id) => {
                    membership.named(id);
                    Vec::new()
                }
                Input::Joined(ticket, answer) => membership.joined(ticket, answer, now),
                Input::Synced(ticket, answer) => membership.synced(ticket, answer, now),
                Input::Beat(generation, answer) => membership.heartbeat_answered(generation, answer, now),
            };
            self.carry_out(node, actions);
        }
        if polls && self.nodes[node].release_at.is_some_and(|at| at <= now) {
            self.nodes[node].release_at = None;
            let revoked = std::mem::take(&mut self.nodes[node].revoking);
            self.nodes[node].reading.retain(|held| !revoked.contains(held));
            let actions = self.nodes[node].membership.released();
            self.carry_out(node, actions);
        }
        let actions = self.nodes[node].membership.tick(now);
        self.carry_out(node, actions);
    }

    fn settled(&self) -> bool {
        let alive: Vec<&Node> = self.nodes.iter().filter(|node| node.alive).collect();
        let total: usize = alive.iter().map(|node| node.reading.len()).sum();
        alive.iter().all(|node| node.membership.is_stable()) && total == PARTITIONS as usize
    }
}

fn check(seed: u64, assignor: Arc<dyn Assignor>) {
    let mut world = World::new(seed, assignor);
    for _ in 0..3 {
        world.start_node();
    }
    for _ in 0..2_000 {
        world.step();
        match world.rng.random_range(0..2_000) {
            0 if world.nodes.len() < 8 => world.start_node(),
            1 => {
                let victim = world.rng.random_range(0..world.nodes.len());
                world.nodes[victim].alive = false;
            }
            _ => {}
        }
    }
    world.faults = false;
    world.start_node();
    for _ in 0..4_000 {
        world.step();
        if world.settled() {
            break;
        }
    }
    assert!(world.settled(), "seed {seed}: the group does not come to rest");
    let alive: Vec<usize> = world.nodes.iter().filter(|n| n.alive).map(|node| node.reading.len()).collect();
    let (least, most) = (alive.iter().min().unwrap(), alive.iter().max().unwrap());
    assert!(most - least <= 1, "seed {seed}: {alive:?}");
    let owned: BTreeSet<&TopicPartition> =
        world.nodes.iter().filter(|node| node.alive).flat_map(|node| &node.reading).collect();
    assert_eq!(owned.len(), PARTITIONS as usize, "seed {seed}: each partition has one reader");
}

#[test]
fn eager_members_share_without_overlap() {
    assert_eq!(Range.protocol(), RebalanceProtocol::Eager);
    (0..60).for_each(|seed| check(seed, Arc::new(Range)));
}

#[test]
fn cooperative_members_share_without_overlap() {
    (0..60).for_each(|seed| check(seed, Arc::new(CooperativeSticky)));
}
