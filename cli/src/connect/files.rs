//! The files that say what a worker runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use millstream_connect::Registry;
use millstream_connect::options::{Fault, Given, Options};
use millstream_connect::runtime::{self, WorkerOptions, faults};
use millstream_connect::settings;
use millstream_connect::standalone::Pipeline;

/// Options of the commands that read configurations.
#[derive(Args)]
pub(crate) struct Files {
    /// A pipeline in YAML; or the files of connect-standalone.sh: the worker's properties, then a file a connector
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Brokers that know the rest of the cluster, instead of what the files say
    #[arg(short, long, env = "MILLSTREAM_BOOTSTRAP_SERVER", value_name = "HOST:PORT,...")]
    bootstrap_server: Option<String>,
}

impl Files {
    /// Whether these are files of connect-standalone.sh, whose users expect its REST API.
    pub(crate) fn are_of_java(&self) -> bool {
        let yaml =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        !self.files.iter().any(yaml)
    }

    pub(crate) fn read(&self) -> Result<Pipeline> {
        let mut pipeline = Pipeline::read(&self.files)?;
        let said = pipeline.worker.get("bootstrap.servers").cloned();
        let brokers = self.bootstrap_server.clone().or(said).unwrap_or_else(|| "localhost:9092".to_owned());
        pipeline.worker.insert("bootstrap.servers".to_owned(), brokers);
        // Positions lie beside the pipeline, unless it says where.
        let beside = self.files[0].with_extension("offsets").display().to_string();
        pipeline.worker.entry("offset.storage.file.filename".to_owned()).or_insert(beside);
        Ok(pipeline)
    }
}

/// Options of the worker, with what is wrong with them.
pub(crate) fn worker(pipeline: &Pipeline) -> Result<WorkerOptions, Vec<Fault>> {
    WorkerOptions::read(&Given::new(&pipeline.worker))
}

/// Something to be told of a file.
pub(crate) struct Told {
    /// `worker`, or the name of a connector.
    pub(crate) who: String,
    pub(crate) fault: Fault,
    /// `FILE:LINE`, where something stands that it is about.
    pub(crate) place: Option<String>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.who, self.fault)
    }
}

/// What is told of the worker, where no connector is named, or of one of its connectors.
fn told(pipeline: &Pipeline, connector: Option<&str>, faults: Vec<Fault>) -> Vec<Told> {
    let who = connector.unwrap_or("worker");
    let one = |fault: Fault| {
        let place = pipeline.place(connector, &fault.option);
        Told { who: who.to_owned(), fault, place }
    };
    faults.into_iter().map(one).collect()
}

fn name(config: &BTreeMap<String, String>) -> &str {
    config.get("name").map_or("", String::as_str)
}

/// All that is wrong.
pub(crate) fn wrong(registry: &Registry, pipeline: &Pipeline) -> Vec<Told> {
    let of_worker = |faults| told(pipeline, None, faults);
    let strange = settings::faults(&pipeline.worker);
    if let Err(faults) = worker(pipeline) {
        return of_worker(faults.into_iter().chain(strange).collect());
    }
    let of = |config| told(pipeline, Some(name(config)), faults(registry, &pipeline.worker, config));
    of_worker(strange).into_iter().chain(pipeline.connectors.iter().flat_map(of)).collect()
}

/// What works and will hurt one day.
pub(crate) fn warnings(registry: &Registry, pipeline: &Pipeline) -> Vec<Told> {
    let of = |connector, config| told(pipeline, connector, runtime::warnings(registry, config));
    let of_connectors = pipeline.connectors.iter().flat_map(|config| of(Some(name(config)), config));
    of(None, &pipeline.worker).into_iter().chain(of_connectors).collect()
}

/// Ends the command if anything is wrong.
pub(crate) fn checked(registry: &Registry, pipeline: &Pipeline) -> Result<()> {
    let wrong = wrong(registry, pipeline);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
