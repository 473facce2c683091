//! `millstream connect run`.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use millstream_connect::Registry;
use millstream_connect::standalone::{Standalone, StandaloneParts};

use super::files::{Files, checked};
use crate::stop::stopped;

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    files: Files,
    /// End when the sources have no more and the sinks have all of it; fails if a task fails
    #[arg(long)]
    once: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    pub(crate) async fn run(self) -> Result<()> {
        let pipeline = self.files.read()?;
        let registry = Arc::new(Registry::built_in());
        checked(&registry, &pipeline)?;
        let mut stop = std::pin::pin!(stopped()?);
        let parts = StandaloneParts {
            registry,
            settings: pipeline.worker,
            id: "standalone".to_owned(),
            levels: Arc::new(|_, _| {}),
            ends: self.once,
        };
        let standalone = Standalone::start(parts).await?;
        for config in pipeline.connectors {
            standalone.put(config).await?;
        }
        let shows = !self.quiet && io::stderr().is_terminal();
        let outcome = tokio::select! {
            stopped = &mut stop => Err(stopped.into()),
            outcome = standalone.caught_up(), if self.once => outcome.map_err(|why| anyhow!(why)),
            () = progress(&standalone), if shows => Ok(()),
        };
        let last = line(&standalone);
        standalone.close().await;
        if self.once && !self.quiet {
            let _ = writeln!(io::stderr(), "{}{last}", if shows { "\r\x1b[K" } else { "" });
        }
        outcome
    }
}

/// Writes over its own line, for ever.
async fn progress(standalone: &Standalone) {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let mut terminal = io::stderr().lock();
        let _ = write!(terminal, "\r\x1b[K{}", line(standalone)).and_then(|()| terminal.flush());
    }
}

/// Each task in a few words.
fn line(standalone: &Standalone) -> String {
    let metrics = standalone.metrics();
    let task = |(id, metrics): &(_, millstream_connect::runtime::TaskMetrics)| {
        let mut text = format!("{id}: {} read, {} written", metrics.records_read, metrics.records_written);
        if metrics.dead_letters > 0 {
            text.push_str(&format!(", {} dead letters", metrics.dead_letters));
        }
        if let Some(why) = &metrics.why {
            text.push_str(&format!(" ({:?}: {why})", metrics.state));
        }
        text
    };
    metrics.iter().map(task).collect::<Vec<_>>().join("  ")
}
