//! `millstream connect tap`.

use anyhow::{Context, Result, anyhow};
use clap::Args;
use millstream_connect::Registry;
use millstream_connect::standalone::tap;

use super::files::Files;
use crate::output::say;
use crate::stop::stopped;

#[derive(Args)]
pub(crate) struct Tap {
    #[command(flatten)]
    files: Files,
    /// Which connector of the files; not needed where there is one
    #[arg(short, long)]
    connector: Option<String>,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "RECORDS", default_value_t = usize::MAX, hide_default_value = true)]
    max: usize,
}

impl Tap {
    pub(crate) async fn run(self) -> Result<()> {
        let pipeline = self.files.read()?;
        let is_asked_for = |name: Option<&String>| match &self.connector {
            Some(asked) => name == Some(asked),
            None => pipeline.connectors.len() == 1,
        };
        let config = pipeline.connectors.iter().find(|config| is_asked_for(config.get("name")));
        let config =
            config.context("there are several connectors, or none of that name: say --connector NAME")?;
        let registry = Registry::built_in();
        let mut broken = None;
        let show = |record| {
            broken = say(record).err();
            broken.is_none()
        };
        tokio::select! {
            outcome = tap(&registry, &pipeline.worker, config, self.max, show) => outcome.map_err(|why| anyhow!(why))?,
            _ = stopped()? => {}
        }
        broken.map_or(Ok(()), Err)
    }
}
