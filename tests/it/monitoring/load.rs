//! A broker with a worker beside it, two instances of an application, and records that pass through all of them.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use millstream::errors::Action;
use millstream::prelude::*;
use millstream_client::{Admin, NewTopic, Producer, ProducerRecord};
use millstream_tests::process::Process;
use millstream_tests::server::millstream;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::connect::http::ask;

const LINES: Topic<Option<String>, String> = Topic::new("lines");
const NUMBERS: Topic<Option<String>, i64> = Topic::new("numbers");

/// All that runs; what is left of it is killed when this is dropped.
pub(super) struct Load {
    apps: Vec<Streams>,
    runtime: Runtime,
    broker_and_worker: SocketAddr,
    // After what uses it, before its directory.
    _server: Process,
    _dir: TempDir,
}

/// Words are counted, with copies of the counts; numbers are passed on, and one of them is none.
fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder.stream(NUMBERS).to(Topic::<Option<String>, i64>::new("passed"));
    let _counts = builder
        .stream(LINES)
        .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone())
        .count(KeyValueStore::<String, i64>::new("counts"));
    Ok(builder.build()?)
}

impl Load {
    pub(super) fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let worker = dir.path().join("worker.properties");
        std::fs::write(&worker, "listeners=http://127.0.0.1:0\noffset.flush.interval.ms=200\n")?;
        let mut command = Command::new(millstream()?);
        command.args(["server", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data"]);
        command.arg(dir.path().join("data")).arg("--connect").arg(&worker);
        command.args(["--set", "group.initial.rebalance.delay.ms=0"]);
        let server = Process::spawn(&mut command)?;
        let behind = |begin: &'static str| {
            server.wait_for(|line| Some(line.strip_prefix(begin)?.split([',', '/']).next()?.to_owned()))
        };
        let bootstrap = behind("Millstream is ready on ")?;
        let rest: SocketAddr = behind("Connect is ready on http://")?.parse()?;
        let broker_and_worker = behind("Metrics are on http://")?.parse()?;

        let admin = Admin::builder().bootstrap(&bootstrap).build_blocking()?;
        let topics = ["lines", "numbers", "passed"].map(|topic| NewTopic::new(topic, 2));
        admin.blocking(admin.create_topics(topics))?;
        let out = dir.path().join("out.txt").display().to_string();
        let source = [
            ("connector.class", "datagen"),
            ("topic", "lines"),
            ("rate", "200"),
            ("value.converter", "string"),
        ];
        let sink = [
            ("connector.class", "file-sink"),
            ("topics", "lines"),
            ("file", &out),
            ("value.converter", "string"),
        ];
        for (name, config) in [("weblog", source), ("archive", sink)] {
            let config = serde_json::Value::from_iter(config);
            let answer = ask(rest, "PUT", &format!("/connectors/{name}/config"), Some(&config.to_string()))?;
            anyhow::ensure!(answer.status < 300, "{name}: {} {}", answer.status, answer.body);
        }
        let apps = (0..2).map(|instance| {
            let app = Streams::builder(topology()?)
                .application_id("counting")
                .bootstrap(&bootstrap)
                .state_dir(dir.path().join(format!("state-{instance}")))
                .commit_interval(Duration::from_millis(200))
                .set("num.standby.replicas", 1)
                .on_error(|_| Action::Skip)
                .query_listen("127.0.0.1:0");
            Ok(app.start_blocking()?)
        });
        let apps = apps.collect::<Result<Vec<_>>>()?;
        let producer = Producer::builder().bootstrap(&bootstrap).build_blocking()?;
        drop(producer.send_blocking(ProducerRecord::to("numbers").value(b"no number"))?);
        producer.flush_blocking()?;
        Ok(Self { apps, runtime: Runtime::new()?, broker_and_worker, _server: server, _dir: dir })
    }

    /// Where `GET /metrics` is answered.
    pub(super) fn targets(&self) -> Vec<SocketAddr> {
        let apps = self.apps.iter().filter_map(Streams::query_address);
        apps.chain([self.broker_and_worker]).collect()
    }

    pub(super) fn close(self) -> Result<()> {
        for app in self.apps {
            self.runtime.block_on(app.close()).context("an instance has failed")?;
        }
        Ok(())
    }
}
