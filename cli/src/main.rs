//! `millstream`: the broker, and everything that is asked of a cluster from a shell.

mod cluster;
mod output;
mod pairs;
mod pending;
mod produce;
mod server;

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A broker that speaks the Kafka protocol, and the tools for any cluster that does.
#[derive(Parser)]
#[command(name = "millstream", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a broker until it is told to stop
    Server(server::Server),
    /// Write standard input to a topic, a record a line
    Produce(produce::Produce),
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Server(server) => server.run().await,
            Self::Produce(produce) => produce.run().await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    match Cli::parse().command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough, as `| head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Warnings and worse, unless `RUST_LOG` says otherwise; standard output belongs to the results.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
