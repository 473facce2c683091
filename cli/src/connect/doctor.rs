//! `millstream connect doctor`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::Args;
use millstream_connect::config::Secrets;
use millstream_connect::runtime::concealed;
use millstream_connect::standalone::cluster;
use millstream_connect::{Finding, Registry, Severity};
use serde::Serialize;

use super::files::{Files, Told, warnings, worker, wrong};
use crate::output::{self, Format, Row};

#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    files: Files,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

/// What was found, a line.
#[derive(Serialize)]
struct Found {
    connector: String,
    severity: &'static str,
    what: String,
    said: String,
}

impl Row for Found {
    const COLUMNS: &[&str] = &["CONNECTOR", "", "WHAT", "FOUND"];

    fn cells(&self) -> Vec<String> {
        vec![self.connector.clone(), self.severity.to_owned(), self.what.clone(), self.said.clone()]
    }
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<()> {
        let pipeline = self.files.read()?;
        let registry = Registry::built_in();
        let mut found = Vec::new();
        let mut add = |connector: &str, finding: Finding| {
            let severity = match finding.severity {
                Severity::Fine => "fine",
                Severity::Warning => "warning",
                Severity::Wrong => "wrong",
            };
            found.push(Found {
                connector: connector.to_owned(),
                severity,
                what: finding.what,
                said: finding.said,
            });
        };
        let of_option = |told: &Told| {
            let place = told.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
            (format!("option {}", told.fault.option), format!("{}{place}", told.fault.message))
        };
        for told in wrong(&registry, &pipeline) {
            let (what, said) = of_option(&told);
            add(&told.who, Finding::wrong(what, said));
        }
        for told in warnings(&registry, &pipeline) {
            let (what, said) = of_option(&told);
            add(&told.who, Finding::warning(what, said));
        }
        // What is wrong with the worker is told above; the rest is looked at as if it had said nothing.
        let secrets = worker(&pipeline).map(|worker| worker.secrets()).unwrap_or_default();
        add("worker", look_at_cluster(&pipeline.worker, &secrets).await);
        for config in &pipeline.connectors {
            let name = config.get("name").map_or("", String::as_str);
            let findings = match secrets.resolve(config) {
                Err(error) => vec![Finding::wrong("secrets", error.to_string())],
                Ok(resolved) => look(&registry, &resolved).await,
            };
            for finding in findings {
                let said = concealed(&registry, &secrets, config, &finding.said);
                add(name, Finding { said, ..finding });
            }
        }
        let wrong = found.iter().filter(|found| found.severity == "wrong").count();
        output::rows(self.output, &found)?;
        if wrong > 0 {
            bail!("{wrong} of {} findings are wrong", found.len());
        }
        Ok(())
    }
}

async fn look_at_cluster(worker: &BTreeMap<String, String>, secrets: &Secrets) -> Finding {
    let what = format!("cluster {}", worker.get("bootstrap.servers").map_or("", String::as_str));
    match cluster(worker, secrets).await {
        Ok(cluster) => {
            Finding::fine(what, format!("{} brokers, cluster id {}", cluster.brokers.len(), cluster.id))
        }
        Err(why) => Finding::wrong(what, why),
    }
}

/// Asks the connector, if its options can be read at all.
async fn look(registry: &Registry, config: &BTreeMap<String, String>) -> Vec<Finding> {
    let class = config.get("connector.class").map_or("", String::as_str);
    let Ok(plugin) = registry.find(class) else { return Vec::new() };
    match plugin.check(config).await {
        Ok(findings) if findings.is_empty() => {
            vec![Finding::fine(plugin.about().name, "there is nothing to look at before it runs")]
        }
        Ok(findings) => findings,
        // Told already, option by option.
        Err(millstream_connect::ConnectError::Options(_)) => Vec::new(),
        Err(error) => vec![Finding::wrong(plugin.about().name, error.to_string())],
    }
}
