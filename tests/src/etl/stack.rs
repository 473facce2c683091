use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use millstream_client::{Admin, NewTopic, Producer, ProducerRecord};
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{Daemon, Ready, find, free_address};
use crate::opensearch::OpenSearch;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::server::{Server, millstream, program};
use crate::topics::Topics;

/// Partitions of a topic that the topology reads or writes; the log has one, since it is one file.
const PARTITIONS: i32 = 4;

/// Silence after which the minutes that are over are closed: longer than anything here is away.
const SILENCE: Duration = Duration::from_secs(15);

/// The broker takes its members at once, and forgets those that are gone as soon as they want to be.
const BROKER: [&str; 2] = ["group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1"];

/// What a sink that is gone is forgotten by, beside the pipeline's own settings of the worker.
const SHORT_SESSIONS: &str =
    "worker:\n  consumer.session.timeout.ms: 1000\n  consumer.heartbeat.interval.ms: 200\n";

/// A process of the pipeline that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The broker.
    Broker,
    /// Connect.
    Connect,
    /// The topology.
    App,
}

/// Everything: a log, Connect, a broker, the topology, and where the data ends.
pub struct Stack {
    // Before the directory: they are gone when the files go.
    app: Option<Process>,
    connect: Option<Process>,
    broker: Server,
    victoria: Daemon,
    opensearch: OpenSearch,
    postgres: Postgres,
    app_address: SocketAddr,
    /// What the topology's program is told beside where everything is.
    app_arguments: Vec<String>,
    connect_address: SocketAddr,
    /// What Connect is told to run.
    pipeline: PathBuf,
    dir: TempDir,
}

impl Stack {
    /// Starts all of it with an empty log, the topology's program with some arguments more, telling `say` of each step; without one
    /// of the servers here, says so and returns nothing.
    pub fn start(app_arguments: &[&str], say: impl Fn(&str)) -> Result<Option<Self>> {
        Self::start_with(app_arguments, example("pipeline.yaml"), tempfile::tempdir()?, say)
    }

    /// The same where a sink that was killed is forgotten within a second, and its partitions are another's: else it would be dead
    /// again before it has come to work.
    pub fn start_to_kill(app_arguments: &[&str], say: impl Fn(&str)) -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let pipeline = dir.path().join("pipeline.yaml");
        let text = fs::read_to_string(example("pipeline.yaml"))?.replacen("worker:\n", SHORT_SESSIONS, 1);
        ensure!(text.contains(SHORT_SESSIONS), "the pipeline has no settings of a worker");
        fs::write(&pipeline, text)?;
        Self::start_with(app_arguments, pipeline, dir, say)
    }

    fn start_with(
        app_arguments: &[&str],
        pipeline: PathBuf,
        dir: TempDir,
        say: impl Fn(&str),
    ) -> Result<Option<Self>> {
        fs::write(dir.path().join("access.log"), "")?;
        let Some(victoria) = find("victoria-metrics", "victoria-metrics") else { return Ok(None) };
        say("starting VictoriaMetrics");
        let victoria = Daemon::start(&victoria, Ready::Http("/health"), |_, address| {
            let flags = [
                "-storageDataPath=data",
                "-search.latencyOffset=0s",
                "-search.disableCache",
                "-dedup.minScrapeInterval=1ms",
            ];
            let listen = format!("-httpListenAddr={address}");
            Ok(flags.into_iter().map(Into::into).chain([listen.into()]).collect())
        })?;
        say("starting Postgres");
        let Some(postgres) = Postgres::start(&[])? else { return Ok(None) };
        say("starting OpenSearch");
        let Some(opensearch) = OpenSearch::start(&[])? else { return Ok(None) };
        say("starting the broker");
        let broker = Server::start(&dir.path().join("broker"), &BROKER)?;
        let (app_address, connect_address) = (free_address()?, free_address()?);
        let mut stack = Self {
            app: None,
            connect: None,
            broker,
            victoria,
            opensearch,
            postgres,
            app_address,
            app_arguments: app_arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            connect_address,
            pipeline,
            dir,
        };
        stack.prepare()?;
        say("starting the topology");
        stack.restart(Which::App)?;
        say("starting Connect");
        stack.restart(Which::Connect)?;
        Ok(Some(stack))
    }

    /// Makes the topics, and the table of services.
    fn prepare(&self) -> Result<()> {
        let admin = Admin::builder().bootstrap(self.broker.bootstrap()).build_blocking()?;
        let wide = ["requests", "requests-per-minute", "alerts", "late-requests"];
        let topics = wide.into_iter().map(|topic| NewTopic::new(topic, PARTITIONS));
        let narrow = ["access-log", "access-log-unparsed", "services"]
            .into_iter()
            .map(|topic| NewTopic::new(topic, 1));
        let made = admin.blocking(admin.create_topics(topics.chain(narrow)))?;
        ensure!(made.iter().all(|(_, made)| made.is_ok()), "{made:?}");
        let producer = Producer::builder().bootstrap(self.broker.bootstrap()).build_blocking()?;
        for line in fs::read_to_string(example("services.properties"))?.lines() {
            let (section, service) = line.split_once('=').with_context(|| line.to_owned())?;
            drop(producer.send_blocking(ProducerRecord::to("services").key(section).value(service))?);
        }
        producer.flush_blocking()?;
        Ok(())
    }

    /// Kills a process as `kill -9` does.
    pub fn kill(&mut self, which: Which) -> Result<()> {
        match which {
            Which::Broker => self.broker.kill(),
            Which::Connect => self.connect.take().context("it does not run")?.kill(),
            Which::App => self.app.take().context("it does not run")?.kill(),
        }
    }

    /// Starts a process, at the same place and on the same files.
    pub fn restart(&mut self, which: Which) -> Result<()> {
        match which {
            Which::Broker => self.broker.restart()?,
            Which::Connect => {
                let mut command = Command::new(millstream()?);
                command.args(["connect", "run", "--quiet"]).arg(&self.pipeline);
                let environment = [
                    ("ETL_BOOTSTRAP", self.broker.bootstrap().to_owned()),
                    ("ETL_DATA", self.dir.path().display().to_string()),
                    ("ETL_LISTEN", format!("http://{}", self.connect_address)),
                    ("ETL_LOG", self.log().display().to_string()),
                    ("ETL_OPENSEARCH", self.opensearch.url("")),
                    ("ETL_VICTORIA", self.victoria.url("")),
                    ("ETL_POSTGRES", self.postgres.url()),
                ];
                self.connect = Some(Process::spawn(command.envs(environment))?);
            }
            Which::App => {
                let silence = ["--silence-ms".to_owned(), SILENCE.as_millis().to_string()];
                let arguments = [&silence[..], &self.app_arguments].concat();
                self.app = Some(self.spawn("state", self.app_address, &arguments)?);
            }
        }
        Ok(())
    }

    /// An error where a process of ours has ended that nobody has killed.
    pub fn check_running(&mut self) -> Result<()> {
        for (name, process) in [("Connect", &mut self.connect), ("the topology", &mut self.app)] {
            if let Some(process) = process {
                ensure!(process.is_running(), "{name} has ended\n{}", process.describe());
            }
        }
        Ok(())
    }

    /// Starts a process more of the topology's program, with a state of its own, which is asked at `listen`.
    pub fn spawn(&self, state: &str, listen: SocketAddr, arguments: &[String]) -> Result<Process> {
        let mut command = Command::new(program("monitoring_etl")?);
        command.args(["--bootstrap", self.broker.bootstrap(), "--query-listen", &listen.to_string()]);
        Process::spawn(command.arg("--state").arg(self.dir.path().join(state)).args(arguments))
    }

    /// Writes lines to the end of the log, as a server does.
    pub fn append(&self, lines: &[String]) -> Result<()> {
        let mut log = OpenOptions::new().append(true).open(self.log())?;
        let mut text = lines.join("\n");
        text.push('\n');
        Ok(log.write_all(text.as_bytes())?)
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("access.log")
    }

    /// Where Connect keeps how far it has read the log.
    pub fn positions(&self) -> PathBuf {
        self.dir.path().join("positions")
    }

    /// Our processes that run, each with its number.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let broker = self.broker.process().map(|process| ("broker", process));
        let connect = self.connect.as_ref().map(|process| ("connect", process));
        let app = self.app.as_ref().map(|process| ("topology", process));
        [broker, connect, app].into_iter().flatten().map(|(name, process)| (name, process.id())).collect()
    }

    /// The servers' processes that run.
    pub fn servers(&self) -> Vec<(&'static str, u32)> {
        let victoria = self.victoria.process().map(|process| ("VictoriaMetrics", process));
        let postgres = self.postgres.process().map(|process| ("Postgres", process));
        let opensearch = Some(("OpenSearch", self.opensearch.process()));
        [victoria, opensearch, postgres]
            .into_iter()
            .flatten()
            .map(|(name, process)| (name, process.id()))
            .collect()
    }

    /// `HOST:PORT` of the broker.
    pub fn bootstrap(&self) -> &str {
        self.broker.bootstrap()
    }

    /// What lies in its topics.
    pub fn topics(&self) -> Result<Topics> {
        Topics::on(self.broker.bootstrap())
    }

    /// What a script says that knows the log alone, asked with some arguments more.
    pub fn recount(&self, arguments: &[&str]) -> Result<Value> {
        let mut script = Command::new("python3");
        script.arg(example("recount.py")).arg(self.log()).arg(example("services.properties"));
        let output = script.args(arguments).output().context("python3")?;
        ensure!(output.status.success(), "recount.py: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Where the topology is asked.
    pub fn app(&self) -> SocketAddr {
        self.app_address
    }

    /// Where Connect is asked.
    pub fn connect(&self) -> SocketAddr {
        self.connect_address
    }

    /// Where VictoriaMetrics is asked.
    pub fn victoria(&self) -> SocketAddr {
        self.victoria.address()
    }

    /// Where OpenSearch is asked.
    pub fn opensearch(&self) -> SocketAddr {
        self.opensearch.address()
    }

    /// What the database says, a line a row, `|` between the columns.
    pub fn sql(&self, query: &str) -> Result<Vec<String>> {
        let output =
            Command::new("psql").args([&self.postgres.url(), "-At", "-c", query]).output().context("psql")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    /// What the processes have written, for whoever wonders why it does not go on.
    pub fn describe(&self) -> String {
        let of = |name: &str, process: &Option<Process>| {
            process.as_ref().map_or_else(String::new, |process| format!("{name}:\n{}\n", process.describe()))
        };
        of("topology", &self.app) + &of("connect", &self.connect)
    }
}

/// A file of the example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring_etl").join(name)
}
