//! An application rides through whatever its broker does.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use millstream::prelude::*;
use millstream_client::{Admin, NewTopic, Producer, ProducerRecord};
use millstream_tests::process::PATIENCE;
use millstream_tests::server::Server;
use rand::RngExt;

const LINES: Topic<Option<String>, String> = Topic::new("lines");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
const KILLS: usize = 10;
const WORDS: usize = 5;

fn counting() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let _counts = builder
        .stream(LINES)
        .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone())
        .count(COUNTS);
    Ok(builder.build()?)
}

#[test]
fn it_goes_on_after_every_death_of_the_broker() -> Result<()> {
    let (data, state) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut server = Server::start(data.path(), &["group.initial.rebalance.delay.ms=0"])?;
    let admin = Admin::builder().bootstrap(server.bootstrap()).build_blocking()?;
    admin.blocking(admin.create_topics([NewTopic::new("lines", 2)]))?;
    let app = Streams::builder(counting()?)
        .application_id("app")
        .bootstrap(server.bootstrap())
        .state_dir(state.path())
        .num_stream_threads(2)
        .commit_interval(Duration::from_millis(20))
        .start_blocking()?;
    let producer = Producer::builder().bootstrap(server.bootstrap()).build_blocking()?;
    let mut sent: BTreeMap<String, i64> = BTreeMap::new();
    let mut random = rand::rng();
    for _ in 0..KILLS {
        for _ in 0..random.random_range(0..100) {
            let word = format!("word{}", random.random_range(0..WORDS));
            drop(producer.send_blocking(ProducerRecord::to("lines").value(word.as_bytes()))?);
            *sent.entry(word).or_default() += 1;
            sleep(Duration::from_millis(random.random_range(0..10)));
        }
        server.kill()?;
        sleep(Duration::from_millis(random.random_range(0..500)));
        server.restart()?;
        ensure!(!app.state().is_final(), "the application gave up");
    }
    producer.flush_blocking()?;
    let (counts, runtime) = (app.store(COUNTS)?, tokio::runtime::Runtime::new()?);
    let started = Instant::now();
    loop {
        let counted: BTreeMap<String, i64> =
            runtime.block_on(counts.all()).unwrap_or_default().into_iter().collect();
        if sent.iter().all(|(word, count)| counted.get(word) >= Some(count)) {
            break;
        }
        ensure!(!app.state().is_final(), "the application gave up");
        ensure!(started.elapsed() < PATIENCE, "{counted:?} of {sent:?}");
        sleep(Duration::from_millis(50));
    }
    Ok(runtime.block_on(app.close())?)
}
