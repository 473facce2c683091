use super::super::{Now, Verdict};
use super::cluster::{Cluster, Fault, TIMING};
use crate::herder::{Config, ConnectorType, State, TargetState, TaskId};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEEDS: u64 = 16;
/// Long enough for sessions to end, leases to be taken, tasks to move and late writes to arrive.
const PEACE_MS: u64 = 40_000;

fn config(tasks: u32, text: &str) -> Config {
    Config::from([("tasks".into(), tasks.to_string()), ("text".into(), text.into())])
}

fn kind(_: &Config) -> ConnectorType {
    ConnectorType::Source
}

/// Whatever comes to the mind of users and of fate.
fn trouble(cluster: &mut Cluster, round: u64) {
    let node = cluster.rng.random_range(0..cluster.nodes.len());
    let name = format!("c{}", cluster.rng.random_range(0..4));
    if !cluster.is_up(node) {
        return cluster.boot(node);
    }
    match cluster.rng.random_range(0..23) {
        0..=6 => {
            let tasks = cluster.rng.random_range(0..4);
            // Refused where the node knows the connector already.
            let _ = cluster.put(node, &name, config(tasks, &round.to_string()), !round.is_multiple_of(3));
        }
        7 | 8 => cluster.delete(node, &name),
        9 => cluster.target(node, &name, TargetState::Stopped),
        10 => cluster.target(node, &name, TargetState::Paused),
        11 | 12 => cluster.target(node, &name, TargetState::Started),
        13..=15 => cluster.kill(node),
        20..=22 => cluster.stop_and_move(node, &name),
        16 | 17 => cluster.nodes[node].cut_until_ms = cluster.now.ms + cluster.rng.random_range(0..5_000),
        _ => cluster.delay_ms_max = [40, 400, 2_500][cluster.rng.random_range(0..3)],
    }
}

fn peace(cluster: &mut Cluster) {
    cluster.delay_ms_max = 40;
    for node in 0..cluster.nodes.len() {
        cluster.nodes[node].cut_until_ms = 0;
        if !cluster.is_up(node) {
            cluster.boot(node);
        }
    }
    cluster.run_for(PEACE_MS);
}

fn storm(seed: u64, fault: Fault) -> Cluster {
    storm_over(Cluster::new(seed, 3, fault))
}

fn storm_over(mut cluster: Cluster) -> Cluster {
    for round in 0..120 {
        let pause_ms = cluster.rng.random_range(0..800);
        cluster.run_for(pause_ms);
        trouble(&mut cluster, round);
    }
    peace(&mut cluster);
    cluster
}

/// What each node knows: configurations, tasks and states.
fn views(cluster: &Cluster, now: Now) -> Vec<String> {
    let view = |machine: &super::super::Machine| {
        let of = |name: &String| {
            let status = machine.state_of(name, now, kind).unwrap();
            format!("{:?} {:?} {:?}\n", machine.info(name, kind), machine.task_infos(name), status)
        };
        machine.names().iter().map(of).collect::<String>()
    };
    cluster.nodes.iter().filter_map(|node| node.machine.as_ref()).map(view).collect()
}

fn everything_runs_once(cluster: &Cluster) {
    let views = views(cluster, cluster.now);
    assert!(views.iter().all(|view| *view == views[0]), "nodes disagree:\n{}", views.join("---\n"));
    let machine = cluster.nodes[0].machine.as_ref().unwrap();
    let mut wanted = BTreeSet::new();
    for name in machine.names() {
        let status = machine.state_of(&name, cluster.now, kind).unwrap();
        let info = machine.info(&name, kind).unwrap();
        let tasks = if status.connector.state == State::Stopped { "0" } else { &info.config["tasks"] };
        assert_eq!(info.tasks.len().to_string(), tasks, "{status:?}");
        assert!(status.tasks.iter().all(|task| task.state.state == status.connector.state), "{status:?}");
        for task in machine.task_infos(&name).unwrap() {
            assert_eq!(task.config["text"], info.config["text"], "its tasks are of another configuration");
            wanted.insert(task.id);
        }
    }
    assert_eq!(cluster.running().into_keys().collect::<BTreeSet<_>>(), wanted);
    let loads: Vec<usize> = cluster.nodes.iter().map(|node| node.running.len()).collect();
    assert!(loads.iter().max() <= loads.iter().min().map(|least| least + 4).as_ref(), "uneven: {loads:?}");
}

#[test]
fn no_task_runs_twice_and_when_peace_returns_everything_runs_once() {
    for seed in 0..SEEDS {
        let run = catch_unwind(|| {
            let mut cluster = storm(seed, Fault::None);
            assert!(cluster.moved > 0, "nobody has changed positions");
            everything_runs_once(&cluster);
            let starts = cluster.starts();
            cluster.run_for(PEACE_MS);
            assert_eq!(cluster.starts(), starts, "there is no peace");
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn workers_that_share_a_name_are_workers_of_their_own() {
    for seed in 0..SEEDS {
        let run = catch_unwind(|| everything_runs_once(&storm_over(Cluster::of_namesakes(seed, 3))));
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn a_worker_that_stops_too_late_or_moves_positions_too_early_is_noticed() {
    for fault in [Fault::NoMargin, Fault::NoAbort, Fault::NoWait] {
        let noticed = |seed| catch_unwind(AssertUnwindSafe(|| storm(seed, fault))).is_err();
        assert!((0..SEEDS).any(noticed), "{fault:?}");
    }
}

/// The worst that clocks of the same pace allow: a worker is cut off for good at any moment, and what it runs takes its time.
#[test]
fn a_worker_that_is_cut_off_has_ended_its_tasks_when_others_begin_them() {
    for seed in 0..SEEDS / 2 {
        let mut cluster = steady(seed, 3, &[("a", 6), ("b", 3)]);
        for _ in 0..6 {
            let (node, at_ms) = (cluster.rng.random_range(0..3), cluster.rng.random_range(0..2_000));
            cluster.run_for(at_ms);
            cluster.nodes[node].cut_until_ms = cluster.now.ms + 20_000;
            cluster.put((node + 1) % 3, "a", config(6, &at_ms.to_string()), true).unwrap();
            // No task runs twice: that is looked at in every step.
            cluster.run_for(20_000);
            assert_eq!(cluster.running().len(), 9, "seed {seed}");
        }
    }
}

fn steady(seed: u64, nodes: usize, connectors: &[(&str, u32)]) -> Cluster {
    let mut cluster = Cluster::new(seed, nodes, Fault::None);
    cluster.run_for(3_000);
    for (name, tasks) in connectors {
        cluster.put(0, name, config(*tasks, "a"), false).unwrap();
    }
    cluster.run_for(20_000);
    cluster
}

#[test]
fn a_connector_that_is_added_or_fails_disturbs_no_other() {
    for seed in 0..10 {
        let mut cluster = steady(seed, 3, &[("a", 3), ("b", 2)]);
        let (before, running) = (cluster.starts(), cluster.running());
        assert_eq!(running.len(), 5, "seed {seed}");
        cluster.failing.insert("bad".into());
        cluster.put(1, "bad", config(2, "a"), false).unwrap();
        cluster.put(2, "more", config(2, "a"), false).unwrap();
        cluster.run_for(60_000);
        let after = cluster.starts();
        for (task, count) in &before {
            assert_eq!(after[task], *count, "seed {seed}: {task} was started again");
            assert_eq!(cluster.running()[task], running[task], "seed {seed}: {task} was moved");
        }
        let tries = after[&TaskId::new("bad", 0)];
        assert!((3..=6).contains(&tries), "seed {seed}: what fails was tried {tries} times in a minute");
    }
}

#[test]
fn the_tasks_of_a_killed_worker_run_elsewhere_within_a_session_and_a_few_beats() {
    for seed in 0..10 {
        let mut cluster = steady(seed, 3, &[("a", 6)]);
        cluster.kill(1);
        let left: BTreeMap<TaskId, usize> = cluster.running();
        assert!(left.len() < 6, "seed {seed}: it ran nothing");
        cluster.run_for(TIMING.session_ms + 4 * TIMING.heartbeat_ms);
        let running = cluster.running();
        assert_eq!(running.len(), 6, "seed {seed}");
        assert!(left.iter().all(|(task, node)| running[task] == *node), "seed {seed}: others were moved");
    }
}

#[test]
fn a_worker_that_joins_gets_its_share_and_no_more_than_that_moves() {
    let mut cluster = steady(1, 2, &[("a", 6), ("b", 6)]);
    let before = cluster.running();
    cluster.nodes.push(super::node::Node::default());
    cluster.boot(2);
    cluster.run_for(20_000);
    let after = cluster.running();
    let moved = after.iter().filter(|(task, node)| before[task] != **node).count();
    let got = cluster.nodes[2].running.len();
    assert_eq!(moved, got, "some moved between the others");
    assert!((3..=5).contains(&got), "it got {got} of 12");
}

#[test]
fn of_two_who_make_the_same_connector_at_once_one_is_told_that_it_is_there() {
    for seed in 0..20 {
        let mut cluster = steady(seed, 2, &[]);
        let one = cluster.put(0, "c", config(1, "one"), false).unwrap();
        let two = cluster.put(1, "c", config(1, "two"), false).unwrap();
        cluster.run_for(20_000);
        let verdicts = [cluster.verdict(one).unwrap(), cluster.verdict(two).unwrap()];
        let text = match verdicts {
            [Verdict::Applied, Verdict::Refused] => "one",
            [Verdict::Refused, Verdict::Applied] => "two",
            _ => panic!("seed {seed}: {verdicts:?}"),
        };
        // Also on a node of which the log is compacted.
        cluster.kill(1);
        cluster.boot(1);
        cluster.nodes[1].compacted_below = cluster.nodes[1].ends;
        cluster.run_for(10_000);
        for node in &cluster.nodes {
            let info = node.machine.as_ref().unwrap().info("c", kind).unwrap();
            assert_eq!(info.config["text"], text, "seed {seed}");
        }
    }
}
