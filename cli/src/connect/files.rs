//! The files that say what a worker runs.

use std::collections::BTreeMap;
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

/// All that is wrong, by the connector's name.
pub(crate) fn wrong(registry: &Registry, pipeline: &Pipeline) -> Vec<(String, Fault)> {
    let of_worker = |fault: Fault| ("worker".to_owned(), fault);
    let unknown = settings::faults(&pipeline.worker);
    if let Err(faults) = worker(pipeline) {
        return faults.into_iter().chain(unknown).map(of_worker).collect();
    }
    let of = |config: &BTreeMap<String, String>| {
        let name = config.get("name").cloned().unwrap_or_default();
        faults(registry, &pipeline.worker, config)
            .into_iter()
            .map(move |fault| (name.clone(), fault))
            .collect::<Vec<_>>()
    };
    let unknown = unknown.into_iter().map(of_worker);
    unknown.chain(pipeline.connectors.iter().flat_map(of)).collect()
}

/// What works and will hurt one day, by the connector's name.
pub(crate) fn warnings(registry: &Registry, pipeline: &Pipeline) -> Vec<(String, Fault)> {
    let of = |name: &str, config: &BTreeMap<String, String>| {
        let warnings = runtime::warnings(registry, config).into_iter();
        warnings.map(|fault| (name.to_owned(), fault)).collect::<Vec<_>>()
    };
    let name = |config: &BTreeMap<String, String>| config.get("name").cloned().unwrap_or_default();
    let of_connectors = pipeline.connectors.iter().flat_map(|config| of(&name(config), config));
    of("worker", &pipeline.worker).into_iter().chain(of_connectors).collect()
}

/// Ends the command if anything is wrong.
pub(crate) fn checked(registry: &Registry, pipeline: &Pipeline) -> Result<()> {
    let wrong = wrong(registry, pipeline);
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = wrong.iter().map(|(connector, fault)| format!("{connector}: {fault}")).collect();
    bail!("{}", lines.join("\n"))
}
