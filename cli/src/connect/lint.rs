//! `millstream connect lint`.

use anyhow::{Result, bail};
use clap::Args;
use millstream_connect::Registry;

use super::files::{Files, warnings, wrong};
use crate::output::say;

#[derive(Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    files: Files,
}

impl Lint {
    pub(crate) fn run(self) -> Result<()> {
        let pipeline = self.files.read()?;
        let registry = Registry::built_in();
        for mut warning in warnings(&registry, &pipeline) {
            warning.fault.message.insert_str(0, "warning: ");
            say(warning)?;
        }
        let wrong = wrong(&registry, &pipeline);
        wrong.iter().try_for_each(say)?;
        match (wrong.len(), pipeline.connectors.len()) {
            (0, 1) => say("1 connector, nothing wrong"),
            (0, connectors) => say(format!("{connectors} connectors, nothing wrong")),
            (1, _) => bail!("1 thing is wrong"),
            (count, _) => bail!("{count} things are wrong"),
        }
    }
}
