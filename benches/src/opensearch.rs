//! Documents from a topic into OpenSearch by Connect's sink, beside a plain loader of the same documents that knows no Kafka:
//! the same ids, requests of the same size, as many under way, into the same server.
//!
//! The clock runs from the start of either's process until the server has counted the last document.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millstream_benches::process::Pid;
use millstream_connect::http::HttpClient;
use millstream_tests::opensearch::OpenSearch;
use millstream_tests::process::Process;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::figures::{Figures, progress};
use crate::input::{self, Draft, INPUT};
use crate::knobs::Knobs;
use crate::node::{Node, Side, program, scratch};
use crate::peers;
use crate::streams::number;

const SEED: u64 = 6;

/// How long the server is left alone at least between two questions how far it is: the loader's run asks none.
const LOOK: Duration = Duration::from_millis(10);
/// How long at most.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// So many documents are loaded before any clock runs: until then the server translates what it does to machine code, whose CPU
/// whoever comes first would be the poorer for. After one million it still takes a seventh more for each than after three.
const WARM_UP: u64 = 3_000_000;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The server of a comparison, and what the loader loads; both sides meet it as warm as it is then.
pub(crate) struct Target {
    server: OpenSearch,
    documents: PathBuf,
    _folder: tempfile::TempDir,
}

impl Target {
    pub(crate) fn start(knobs: &Knobs) -> Result<Self> {
        let server =
            OpenSearch::start(&[])?.context("Java is missing, without which there is no OpenSearch")?;
        ensure!(server.is_real(), "a stand-in says nothing about OpenSearch: install Java and Maven");
        let folder = tempfile::Builder::new().prefix("documents-").tempdir_in(scratch()?)?;
        let documents = folder.path().join("documents.json");
        write_documents(&documents, knobs.documents)?;
        let target = Self { server, documents, _folder: folder };
        progress("the server warms up");
        for _ in 0..WARM_UP.div_ceil(knobs.documents) {
            target.make_index()?;
            peers::output(&mut target.loader(knobs)?)?;
        }
        Ok(target)
    }

    /// An empty index, whatever there was.
    fn make_index(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = HttpClient::default().build()?;
            let url = self.server.url(&format!("/{INPUT}"));
            client.delete(&url).send().await?;
            let settings = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0}});
            client.put(&url).json(&settings).send().await?.error_for_status()?;
            Ok(())
        })
    }

    /// How many documents were written to the index since it was made.
    fn written(&self) -> Result<u64> {
        let stats = self.server.get(&format!("/{INPUT}/_stats/indexing"))?;
        let total = stats.pointer("/_all/primaries/indexing/index_total");
        total.and_then(Value::as_u64).with_context(|| format!("no count in {stats}"))
    }

    fn loader(&self, knobs: &Knobs) -> Result<Command> {
        let mut command = Command::new(program("bulk_load")?);
        command.arg(self.server.url("")).arg(INPUT).arg(&self.documents);
        let (bulk, in_flight) = (knobs.bulk.to_string(), knobs.bulks_in_flight.to_string());
        command.args(["--bulk", &bulk, "--in-flight", &in_flight]);
        Ok(command)
    }
}

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures, target: &Target) -> Result<()> {
    target.make_index()?;
    let server = Pid(target.server.process().id());
    let before = server.family_cpu_seconds()?;
    let run = match side {
        Side::Peer => load(target, knobs)?,
        Side::Page => sink(target, knobs)?,
        Side::Sync => {
            progress("  the broker is not what is measured here");
            return Ok(());
        }
    };
    let millions = knobs.documents as f64 / 1e6;
    figures.add(side, "documents/s", knobs.documents as f64 / run.seconds);
    figures.add(side, "CPU s per million documents", run.cpu_seconds / millions);
    figures.add(side, "CPU s of the server", (server.family_cpu_seconds()? - before) / millions);
    figures.add(side, "peak MiB", run.peak_mib);
    Ok(())
}

struct Run {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
}

/// Has everything on the disk that was written so far: the server syncs with each request, and would wait for what was made
/// ready for one of the sides.
fn settle_disk() -> Result<()> {
    ensure!(Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}

fn load(target: &Target, knobs: &Knobs) -> Result<Run> {
    settle_disk()?;
    let begun = Instant::now();
    let report = peers::output(&mut target.loader(knobs)?)?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(target.written()? == knobs.documents, "not all documents are there");
    let report: Value = serde_json::from_str(report.trim())?;
    let (cpu_seconds, peak_mib) = (number(&report, "cpu_seconds")?, number(&report, "peak_memory_mib")?);
    Ok(Run { seconds, cpu_seconds, peak_mib })
}

fn sink(target: &Target, knobs: &Knobs) -> Result<Run> {
    let node = Node::start(Side::Page)?;
    input::create_topics(&node, 1)?;
    input::load(&node, knobs.documents, documents())?;
    let folder = tempfile::Builder::new().prefix("connect-").tempdir_in(scratch()?)?;
    let mut command = Command::new(program("millstream")?);
    command.args(["connect", "run"]).args(configure(folder.path(), &node, target, knobs)?);

    settle_disk()?;
    let begun = Instant::now();
    let mut worker = Process::spawn(&mut command)?;
    let pid = Pid(worker.id());
    loop {
        let written = target.written()?;
        if written >= knobs.documents {
            break;
        }
        let goes_on = worker.is_running() && begun.elapsed() < PATIENCE;
        ensure!(goes_on, "the documents do not arrive\n{}", worker.describe());
        // Half of the way that is left, so that the end is met with few questions.
        let each = begun.elapsed().as_secs_f64() / written.max(1) as f64;
        let left = Duration::from_secs_f64(each * (knobs.documents - written) as f64 / 2.0);
        std::thread::sleep(left.clamp(LOOK, LOOK_MAX));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (cpu_seconds, peak_mib) = (pid.cpu_seconds()?, pid.peak_memory_mib()?);
    worker.kill()?;
    Ok(Run { seconds, cpu_seconds, peak_mib })
}

/// The files of a worker and its sink.
fn configure(folder: &Path, node: &Node, target: &Target, knobs: &Knobs) -> Result<[PathBuf; 2]> {
    let worker = format!("bootstrap.servers={}\n", node.bootstrap);
    let sink = format!(
        "name=documents\nconnector.class=opensearch\ntopics={INPUT}\nconnection.url={}\nkey.ignore=true\n\
         batch.size={}\nmax.in.flight.requests={}\n",
        target.server.url(""),
        knobs.bulk,
        knobs.bulks_in_flight,
    );
    let files = ["worker", "sink"].map(|name| folder.join(name).with_extension("properties"));
    for (file, text) in files.iter().zip([worker, sink]) {
        fs::write(file, text)?;
    }
    Ok(files)
}

/// Requests as a web server tells of them, the same each time.
fn documents() -> impl FnMut(u64, &mut Draft) {
    let mut random = StdRng::seed_from_u64(SEED);
    move |nth, draft| {
        let document = json!({
            "@timestamp": 1_795_300_000_000_u64 + nth,
            "host": format!("web-{}", random.random_range(0..20)),
            "client": format!("10.{}.{}.{}", random.random_range(0..256), random.random_range(0..256), random.random_range(0..256)),
            "method": if random.random_range(0..10) == 0 { "POST" } else { "GET" },
            "path": format!("/page/{}", random.random_range(0..2_000)),
            "status": if random.random_range(0..20) == 0 { 500 } else { 200 },
            "bytes": random.random_range(200..90_000),
            "seconds": f64::from(random.random_range(1..2_000)) / 1e3,
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        });
        draft.value.extend_from_slice(document.to_string().as_bytes());
    }
}

fn write_documents(path: &Path, count: u64) -> Result<()> {
    let (mut write, mut draft) = (documents(), Draft::default());
    let mut out = BufWriter::new(File::create(path)?);
    for nth in 0..count {
        draft.value.clear();
        write(nth, &mut draft);
        out.write_all(&draft.value)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
