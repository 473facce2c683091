//! `millstream connect run`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use millstream_connect::Registry;
use millstream_connect::options::Fault;
use millstream_connect::rest::{Loggers, Rest, RestOptions, RestServer};
use millstream_connect::standalone::{Standalone, StandaloneParts};

use super::files::{Files, checked};
use crate::levels;
use crate::metrics;
use crate::output::say;
use crate::stop::stopped;

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    files: Files,
    /// End when the sources have handed out all that is there and the sinks have it; fails if a task fails, or if a source takes
    /// what others send and so has no end
    #[arg(long)]
    once: bool,
    /// Answer GET /metrics here, for Prometheus
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    pub(crate) async fn run(self) -> Result<()> {
        let pipeline = self.files.read()?;
        let registry = Arc::new(Registry::built_in());
        checked(&registry, &pipeline)?;
        if pipeline.connectors.is_empty()
            && !self.files.are_of_java()
            && !pipeline.worker.contains_key("listeners")
        {
            bail!(
                "there are no connectors: write them below `connectors:`, or listeners of the worker, to make them by request"
            );
        }
        let mut stop = std::pin::pin!(stopped()?);
        let surface = Surface::bind(&pipeline.worker, self.files.are_of_java() && !self.once).await?;
        let loggers = Arc::new(Loggers::new("WARN", levels::set));
        let parts = StandaloneParts {
            registry: Arc::clone(&registry),
            settings: pipeline.worker.clone(),
            id: surface.as_ref().map_or_else(|| "standalone".to_owned(), Surface::id),
            levels: loggers.levels(),
            ends: self.once,
        };
        let standalone = Standalone::start(parts).await?;
        if let Some(surface) = surface {
            surface.open(&standalone, registry, &pipeline.worker, loggers)?;
        }
        let metrics = metrics::serve(self.metrics.as_deref(), standalone.page()).await?;
        if let (Some(metrics), false) = (&metrics, self.quiet) {
            // Not on standard output, which may be a connector's.
            let _ = writeln!(io::stderr(), "{}", metrics::line(metrics));
        }
        for config in pipeline.connectors {
            let initial = config.get("name").and_then(|name| pipeline.initial.get(name)).copied();
            standalone.put_as(config, initial).await?;
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

/// The REST surface of a worker whose file has `listeners`.
struct Surface {
    server: RestServer,
    options: RestOptions,
    /// Whether the files name it: who reads standard output waits for its address then, else there may be a connector's records.
    is_asked_for: bool,
}

impl Surface {
    /// Where `listeners` says, or, if that is usual, at Kafka Connect's own port: if that is taken, nowhere.
    async fn bind(settings: &BTreeMap<String, String>, is_usual: bool) -> Result<Option<Self>> {
        let is_asked_for = settings.contains_key("listeners");
        if !is_asked_for && !is_usual {
            return Ok(None);
        }
        let options = RestOptions::of(settings).map_err(said)?;
        match RestServer::bind(options.address()).await {
            Ok(server) => Ok(Some(Self { server, options, is_asked_for })),
            Err(error) if is_asked_for => Err(error.into()),
            Err(error) => {
                let _ = writeln!(io::stderr(), "Connect runs without its REST API: {error}");
                Ok(None)
            }
        }
    }

    fn id(&self) -> String {
        self.options.worker_id(self.server.address())
    }

    fn open(
        self,
        standalone: &Standalone,
        registry: Arc<Registry>,
        settings: &BTreeMap<String, String>,
        loggers: Arc<Loggers>,
    ) -> Result<()> {
        let ready = format!("Connect is ready on http://{}", self.server.address());
        if self.is_asked_for {
            say(format_args!("{ready}"))?;
        } else {
            let _ = writeln!(io::stderr(), "{ready}");
        }
        let rest = Rest::new(standalone.herder(), registry, settings, loggers, self.options).map_err(said)?;
        tokio::spawn(self.server.serve(rest.with_page(standalone.page())));
        Ok(())
    }
}

fn said(faults: Vec<Fault>) -> anyhow::Error {
    anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
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
