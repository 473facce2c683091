//! Groups whose members come and go, as the leader sees them: what holds at every moment, and that they come to rest.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Candidate, Group, Placement, Plan, Readiness, State, Tasks, balance, plan};
use crate::task::TaskId;

const ACCEPTABLE_LAG: i64 = 100;

/// Rounds in which a group must come to rest: two for every task that has to be warmed up at its new place, and some.
const ROUNDS: usize = 60;

/// Something that happens to the group.
#[derive(Debug, Clone)]
enum Turn {
    /// A thread of this process joins.
    Joins(u128),
    /// The member that is so many-th leaves; what it had on disk stays.
    Leaves(usize),
    /// The changelogs grow.
    Grows(i64),
    /// A round passes in which nothing catches up.
    Rebalances,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        (0u128..4).prop_map(Turn::Joins),
        (0usize..6).prop_map(Turn::Leaves),
        (0i64..500).prop_map(Turn::Grows),
        Just(Turn::Rebalances),
    ]
}

/// Two parts with state and one without.
fn tasks(partitions: i32) -> BTreeSet<TaskId> {
    let parts = 0..3;
    parts
        .flat_map(|subtopology| (0..partitions).map(move |partition| TaskId { subtopology, partition }))
        .collect()
}

struct World {
    end: i64,
    tasks: BTreeSet<TaskId>,
    members: Vec<Candidate>,
    disks: BTreeMap<Uuid, BTreeMap<TaskId, i64>>,
    placement: Placement,
}

impl World {
    fn new(partitions: i32, standbys: usize) -> Self {
        let placement = Placement {
            standbys,
            acceptable_lag: ACCEPTABLE_LAG,
            spread_over: vec!["zone".to_owned()],
            ..Placement::default()
        };
        Self { end: 0, tasks: tasks(partitions), members: Vec::new(), disks: BTreeMap::new(), placement }
    }

    fn states(&self) -> Tasks {
        let state =
            |task: &TaskId| if task.subtopology < 2 { State::Ending(Some(self.end)) } else { State::None };
        self.tasks.iter().map(|task| (*task, state(task))).collect()
    }

    fn happen(&mut self, turn: &Turn) {
        match turn {
            Turn::Joins(process) => {
                let zone = if process % 2 == 0 { "a" } else { "b" };
                let tags = BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
                let process = Uuid::from_u128(*process);
                self.members.push(Candidate { process, tags, ..Candidate::default() });
            }
            Turn::Leaves(nth) if !self.members.is_empty() => {
                self.members.remove(nth % self.members.len());
            }
            Turn::Leaves(_) | Turn::Rebalances => {}
            Turn::Grows(by) => self.end += by,
        }
    }

    /// What the leader decides now.
    fn decide(&mut self) -> Plan {
        for member in &mut self.members {
            member.on_disk = self.disks.get(&member.process).cloned().unwrap_or_default();
        }
        plan(&self.states(), &self.members, &self.placement)
    }

    /// The group does as it is told; what runs is up to date, and with `catch_up` so are the copies.
    fn obey(&mut self, plan: &Plan, catch_up: bool) {
        let (end, stateful) = (self.end, |task: &&TaskId| task.subtopology < 2);
        for (index, member) in self.members.iter_mut().enumerate() {
            member.owned.clone_from(&plan.active[index]);
            member.standbys.clone_from(&plan.standbys[index]);
            member.awaited.clone_from(&plan.awaited[index]);
            let disk = self.disks.entry(member.process).or_default();
            disk.extend(member.owned.iter().filter(stateful).map(|task| (*task, end)));
            for task in &member.standbys {
                let copy = disk.entry(*task).or_insert(0);
                *copy = if catch_up { end } else { *copy };
            }
        }
    }

    /// What holds whatever happens.
    fn check(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let states = self.states();
        let group = Group::new(&states, &self.members, ACCEPTABLE_LAG);
        let mut given = BTreeSet::new();
        for (index, tasks) in plan.active.iter().enumerate() {
            for task in tasks {
                prop_assert!(given.insert(*task), "{task} runs twice");
                prop_assert!(
                    group.owners.get(task).is_none_or(|owner| *owner == index),
                    "{task} is another's"
                );
            }
        }
        let mut copies: BTreeSet<(Uuid, TaskId)> = BTreeSet::new();
        for (index, tasks) in plan.standbys.iter().enumerate() {
            let process = group.process_of(index);
            for task in tasks {
                prop_assert!(task.subtopology < 2, "{task} has no state");
                prop_assert!(copies.insert((process, *task)), "{task} is copied twice in a process");
                let runs_here =
                    group.members(process).iter().any(|member| plan.active[*member].contains(task));
                prop_assert!(!runs_here, "{task} runs where its copy is");
            }
        }
        // A task with state that somebody runs moves only to where its state is.
        for (task, owner) in &group.owners {
            let now = plan.active.iter().position(|tasks| tasks.contains(task));
            let is_given_away = now != Some(*owner) && self.tasks.contains(task);
            let ready = |process: &Uuid| group.readiness(*process, *task) == Readiness::CaughtUp;
            let elsewhere = group.processes().filter(|process| *process != group.process_of(*owner));
            let threads = group.members(group.process_of(*owner)).len();
            prop_assert!(
                !is_given_away || threads > 1 || elsewhere.filter(ready).count() > 0,
                "{task} moves too early"
            );
        }
        Ok(())
    }

    /// What holds when the group has come to rest.
    fn check_rest(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let spread = |loads: Vec<usize>| loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0);
        prop_assert!(spread(plan.active.iter().map(BTreeSet::len).collect()) <= 1);
        let stateful = |tasks: &BTreeSet<TaskId>| tasks.iter().filter(|task| task.subtopology < 2).count();
        prop_assert!(spread(plan.active.iter().map(stateful).collect()) <= 1);
        prop_assert_eq!(plan.active.iter().map(BTreeSet::len).sum::<usize>(), self.tasks.len());
        let processes: BTreeSet<Uuid> = self.members.iter().map(|member| member.process).collect();
        let zones: BTreeSet<&str> = self.members.iter().map(|member| member.tags["zone"].as_str()).collect();
        for task in self.tasks.iter().filter(|task| task.subtopology < 2) {
            let has = |given: &Vec<BTreeSet<TaskId>>| -> Vec<usize> {
                (0..given.len()).filter(|index| given[*index].contains(task)).collect()
            };
            let (runs, copies) = (has(&plan.active), has(&plan.standbys));
            prop_assert_eq!(copies.len(), self.placement.standbys.min(processes.len() - 1));
            let zone = |index: &usize| self.members[*index].tags["zone"].as_str();
            let apart = copies.iter().any(|copy| zone(copy) != zone(&runs[0]));
            prop_assert!(
                apart || zones.len() == 1 || copies.is_empty(),
                "{task} and its copies are in one zone"
            );
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_comes_to_rest(
        history in vec(turn(), 1..12),
        partitions in 1i32..6,
        standbys in 0usize..3,
    ) {
        let mut world = World::new(partitions, standbys);
        world.happen(&Turn::Joins(0));
        for turn in &history {
            world.happen(turn);
            let plan = world.decide();
            world.check(&plan)?;
            world.obey(&plan, false);
        }
        world.happen(&Turn::Joins(1));
        for _ in 0..ROUNDS {
            let plan = world.decide();
            world.check(&plan)?;
            world.obey(&plan, true);
        }
        let last = world.decide();
        prop_assert!(!last.withholds && !last.wants_probing, "still moving: {last:?}");
        world.check_rest(&last)?;
        world.obey(&last, true);
        prop_assert_eq!(world.decide(), last, "nothing has changed");
    }

    #[test]
    fn a_member_that_joins_takes_only_its_share_of_the_state(threads in 1u128..5, partitions in 1i32..8) {
        let mut world = World::new(partitions, 0);
        for process in 0..threads {
            world.happen(&Turn::Joins(process));
        }
        let settled = world.decide();
        world.obey(&settled, true);
        world.happen(&Turn::Joins(9));
        let states = world.states();
        let group = Group::new(&states, &world.members, ACCEPTABLE_LAG);
        let target = balance(&group);
        let with_state = |tasks: &BTreeSet<TaskId>| tasks.iter().filter(|task| task.subtopology < 2).count();
        let kept = target.iter().zip(&settled.active).map(|(now, then)| with_state(&(now & then))).sum::<usize>();
        // Those without state may make room for each other besides: that costs nothing.
        prop_assert_eq!(with_state(&world.tasks) - kept, target.last().map_or(0, with_state));
    }

    #[test]
    fn who_has_no_state_is_warmed_up_first(partitions in 2i32..8) {
        let mut world = World::new(partitions, 0);
        world.happen(&Turn::Joins(0));
        let settled = world.decide();
        world.obey(&settled, true);
        world.end = 10 * ACCEPTABLE_LAG;
        world.obey(&settled, true);
        world.happen(&Turn::Joins(1));
        let plan = world.decide();
        prop_assert!(plan.wants_probing);
        let moved = |plan: &Plan| plan.active[1].iter().filter(|task| task.subtopology < 2).count();
        prop_assert_eq!(moved(&plan), 0);
        prop_assert_eq!(plan.standbys[1].len(), world.placement.max_warm_ups);
        // Its copies have caught up: their owner lets go, then they move.
        world.obey(&plan, true);
        let plan = world.decide();
        prop_assert!(plan.withholds);
        prop_assert!(plan.standbys[1].len() >= world.placement.max_warm_ups, "the copies stay until then");
        world.obey(&plan, true);
        // What the owner had written when it let go is more than anybody may be behind; it alone has it.
        world.end += 10 * ACCEPTABLE_LAG;
        let end = world.end;
        let owner = world.disks.entry(Uuid::from_u128(0)).or_default();
        owner.values_mut().for_each(|sum| *sum = end);
        prop_assert_eq!(moved(&world.decide()), world.placement.max_warm_ups);
    }
}

#[test]
fn a_task_goes_where_most_of_its_state_is() {
    let task = TaskId { subtopology: 0, partition: 0 };
    let tasks = Tasks::from([(task, State::Ending(Some(1_000)))]);
    let candidate = |process, sum: Option<i64>| Candidate {
        process: Uuid::from_u128(process),
        on_disk: sum.map(|sum| (task, sum)).into_iter().collect(),
        ..Candidate::default()
    };
    let given = |candidates: &[Candidate]| {
        let plan =
            plan(&tasks, candidates, &Placement { acceptable_lag: ACCEPTABLE_LAG, ..Placement::default() });
        plan.active.iter().position(|tasks| tasks.contains(&task))
    };
    assert_eq!(given(&[candidate(1, None), candidate(2, Some(5))]), Some(1));
    assert_eq!(given(&[candidate(1, Some(5)), candidate(2, Some(500)), candidate(3, Some(400))]), Some(1));
    // A thread that keeps the copy itself need not open it anew.
    let keeper = Candidate { standbys: [task].into(), ..candidate(1, Some(1_000)) };
    assert_eq!(given(&[candidate(1, Some(1_000)), candidate(2, Some(990)), keeper]), Some(2));
}

#[test]
fn where_the_ends_are_not_known_any_state_is_good_enough() {
    let task = TaskId { subtopology: 0, partition: 0 };
    let tasks = Tasks::from([(task, State::Ending(None))]);
    let owner = Candidate { owned: [task].into(), ..Candidate::default() };
    let group = [owner, Candidate { process: Uuid::from_u128(1), ..Candidate::default() }];
    assert!(!plan(&tasks, &group, &Placement::default()).wants_probing);
}

#[test]
fn where_the_ends_are_not_known_no_state_is_not_good_enough() {
    let tasks: Vec<TaskId> = (0..2).map(|partition| TaskId { subtopology: 0, partition }).collect();
    let states: Tasks = tasks.iter().map(|task| (*task, State::Ending(None))).collect();
    let owner = Candidate { owned: tasks.iter().copied().collect(), ..Candidate::default() };
    let joiner = |on_disk: Option<i64>| Candidate {
        process: Uuid::from_u128(1),
        on_disk: on_disk.map(|sum| (tasks[1], sum)).into_iter().collect(),
        ..Candidate::default()
    };
    let moved = |on_disk| {
        let plan = plan(&states, &[owner.clone(), joiner(on_disk)], &Placement::default());
        plan.active[0].len() < tasks.len()
    };
    assert!(moved(Some(5)) && !moved(None));
}
