//! Three instances, each a process of its own, are restarted one after the other under load: nothing is lost and nothing counts
//! twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{Producer, ProducerRecord};
use serde_json::{Value, json};

use crate::cluster::{Cluster, counting, counts, wait_until};

/// Says to the test binary, started again, that it is an instance: where the broker is, and where the state lies.
const CHILD: &str = "MILLSTREAM_TEST_ROLLING_CHILD";

/// What an instance says begins so; the test harness says other things.
const SAID: &str = "instance says ";

const INSTANCES: usize = 3;
const PARTITIONS: i32 = 6;

/// What an instance has said last.
#[derive(Default)]
struct Seen {
    metrics: Value,
    counts: Option<BTreeMap<String, i64>>,
}

/// An instance in a process of its own. It is told to close by the end of its input.
struct Instance {
    process: Child,
    input: Option<ChildStdin>,
    seen: Arc<Mutex<Seen>>,
}

impl Instance {
    fn start(cluster: &Cluster, state: &Path) -> Self {
        let place = format!("{} {}", cluster.bootstrap(), state.display());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "rolling::an_instance_of_its_own", "--nocapture"]).env(CHILD, place);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, seen) = (process.stdin.take(), Arc::<Mutex<Seen>>::default());
        let (lines, heard) = (BufReader::new(process.stdout.take().unwrap()).lines(), Arc::clone(&seen));
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(said) = line.strip_prefix(SAID) else { continue };
                let said: Value = serde_json::from_str(said).unwrap();
                let mut seen = heard.lock().unwrap();
                match said.get("counts") {
                    Some(counts) => seen.counts = Some(serde_json::from_value(counts.clone()).unwrap()),
                    None => seen.metrics = said,
                }
            }
        });
        Self { process, input, seen }
    }

    /// The tasks of a list in its metrics.
    fn tasks(&self, of: &str) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap();
        let tasks = seen.metrics[of].as_array().into_iter().flatten();
        tasks.map(|task| task.as_str().unwrap().to_owned()).collect()
    }

    /// The tasks that say for how long they were away, and whether they were let go of.
    fn arrivals(&self) -> BTreeMap<String, bool> {
        let seen = self.seen.lock().unwrap();
        let arrivals = seen.metrics["arrivals"].as_array().into_iter().flatten();
        let told = arrivals.map(|arrival| {
            assert!(arrival["away"].is_number(), "{arrival}");
            (arrival["task"].as_str().unwrap().to_owned(), arrival["was_let_go"].as_bool().unwrap())
        });
        told.collect()
    }

    /// Asks for what it has counted; the answer is seen later.
    fn ask(&mut self) {
        self.seen.lock().unwrap().counts = None;
        writeln!(self.input.as_mut().unwrap(), "counts").unwrap();
    }

    /// Closes it and waits for its end.
    fn close(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a child process runs; in the test run itself there is nothing to do.
#[test]
fn an_instance_of_its_own() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let (bootstrap, state) = place.split_once(' ').unwrap();
    let app = Streams::builder(counting())
        .application_id("app")
        .bootstrap(bootstrap)
        .state_dir(state)
        .commit_interval(Duration::from_millis(50))
        .set("num.standby.replicas", 1)
        .set("heartbeat.interval.ms", 300);
    let app = app.start_blocking().unwrap();
    let (say, asked) = mpsc::channel();
    thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).for_each(|line| drop(say.send(line)))
    });
    loop {
        match asked.recv_timeout(Duration::from_millis(50)) {
            Ok(_) => println!("{SAID}{}", json!({ "counts": counts(&[&app]) })),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                println!("{SAID}{}", serde_json::to_string(&app.metrics()).unwrap());
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    block_on(app.close()).unwrap();
}

fn is_settled(instances: &[Instance]) -> bool {
    let copied: usize = instances.iter().map(|instance| instance.tasks("standbys").len()).sum();
    let share = 2 * PARTITIONS as usize / INSTANCES;
    instances.iter().all(|instance| instance.tasks("running").len() == share) && copied == PARTITIONS as usize
}

fn all_counts(instances: &mut [Instance]) -> BTreeMap<String, i64> {
    instances.iter_mut().for_each(Instance::ask);
    let mut all = BTreeMap::new();
    for instance in instances {
        let answer = || instance.seen.lock().unwrap().counts.take();
        let mut counts = None;
        wait_until("an answer", || {
            counts = answer();
            counts.is_some()
        });
        all.extend(counts.unwrap_or_default());
    }
    all
}

#[test]
fn three_instances_are_restarted_one_after_the_other_under_load() {
    let cluster = Cluster::start(PARTITIONS);
    let states = [(); INSTANCES].map(|()| tempfile::tempdir().unwrap());
    let start = |nth: usize| Instance::start(&cluster, states[nth].path());
    let mut instances: Vec<Instance> = (0..INSTANCES).map(start).collect();
    wait_until("sharing", || is_settled(&instances));

    let stop = AtomicBool::new(false);
    let truth = thread::scope(|scope| {
        let load = scope.spawn(|| load(&cluster, &stop));
        // If something is wrong the load must end too.
        let under_load = StopAtEnd(&stop);
        for nth in 0..INSTANCES {
            let counted = || cluster.committed("app-counts-repartition");
            let so_far = counted();
            wait_until("working", || counted() > so_far + 1_000);
            let moving = instances[nth].tasks("running");
            instances.remove(nth).close();
            // Every task that the others did not have says for how long it was away.
            let told = || {
                let arrived: BTreeMap<String, bool> = instances.iter().flat_map(Instance::arrivals).collect();
                moving.iter().all(|task| arrived.get(task) == Some(&true))
            };
            wait_until("taking over what was let go of", told);
            instances.insert(nth, start(nth));
            wait_until("sharing again", || is_settled(&instances));
        }
        drop(under_load);
        load.join().unwrap()
    });
    wait_until("counting the rest", || all_counts(&mut instances) == truth);
    instances.into_iter().for_each(Instance::close);
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends words until it is told to stop; returns how often it sent each.
fn load(cluster: &Cluster, stop: &AtomicBool) -> BTreeMap<String, i64> {
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    let mut sent = BTreeMap::new();
    for nth in 0_i64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let word = format!("word-{}", nth % 1_009);
        let partition = (nth % i64::from(PARTITIONS)) as i32;
        let record = ProducerRecord::to("lines").partition(partition).value(&word);
        drop(producer.send_blocking(record).unwrap());
        *sent.entry(word.clone()).or_insert(0) += 1;
        if nth % 100 == 0 {
            thread::sleep(Duration::from_millis(10));
        }
    }
    producer.flush_blocking().unwrap();
    sent
}
