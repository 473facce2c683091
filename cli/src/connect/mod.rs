//! `millstream connect`.

mod doctor;
mod files;
mod lint;
mod options;
mod run;
mod tap;
mod top;
mod worker;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use worker::{settings, start};

#[derive(Subcommand)]
pub(crate) enum Connect {
    /// Run the connectors of a file until told to stop, or until all is moved
    Run(run::Run),
    /// Say what connectors, transforms, predicates and converters there are, and what can be said to each
    Options(options::Options),
    /// Tell what is wrong with configurations, without asking anybody
    Lint(lint::Lint),
    /// Look at the cluster and at what the connectors connect to, and change nothing
    Doctor(doctor::Doctor),
    /// Be one of the workers that share the connectors of a cluster, and answer Kafka Connect's REST requests
    Worker(worker::Worker),
    /// Show records as they pass a connector: what is in its topics, or what its transforms make of it
    Tap(tap::Tap),
    /// Watch a worker: how its tasks fare, what they move a second, and what they wait for
    Top(top::Top),
}

impl Connect {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Run(run) => run.run().await,
            Self::Options(options) => options.run(),
            Self::Lint(lint) => lint.run(),
            Self::Doctor(doctor) => doctor.run().await,
            Self::Worker(worker) => worker.run().await,
            Self::Tap(tap) => tap.run().await,
            Self::Top(top) => top.run().await,
        }
    }
}
