//! `millstream`: the broker, and everything that is asked of a cluster from a shell.

mod absent;
mod bench;
mod cluster;
mod connect;
mod consume;
mod dlq;
mod group;
mod levels;
mod log;
mod metrics;
mod output;
mod pairs;
mod pending;
mod produce;
mod server;
mod stop;
mod streams;
mod text;
mod time;
mod topic;
mod topology;

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use millstream_connect::config::ConcealedLog;
use tracing_subscriber::EnvFilter;

use crate::stop::Stopped;

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
    /// Make, look at, change and delete topics
    Topic(topic::Topic),
    /// Write standard input to a topic, a record a line
    Produce(produce::Produce),
    /// Write the records of a topic to standard output, a record a line
    Consume(consume::Consume),
    /// Look at, move and delete groups of consumers
    Group(group::Group),
    /// Move data between topics and other systems
    #[command(subcommand)]
    Connect(connect::Connect),
    /// Look at records that connectors gave up, and send them back
    Dlq(dlq::Dlq),
    /// Look at running streams applications
    #[command(subcommand)]
    Streams(streams::Streams),
    /// Draw what a Kafka Streams program computes
    #[command(subcommand)]
    Topology(topology::Topology),
    /// Repair the logs of a broker that is not running
    #[command(subcommand)]
    Log(log::Log),
    /// Measure a cluster
    #[command(subcommand)]
    Bench(bench::Bench),
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Server(server) => server.run().await,
            Self::Topic(topic) => topic.run().await,
            Self::Streams(streams) => streams.run().await,
            Self::Topology(topology) => topology.run(),
            Self::Produce(produce) => produce.run().await,
            Self::Consume(consume) => consume.run().await,
            Self::Group(group) => group.run().await,
            Self::Connect(connect) => connect.run().await,
            Self::Dlq(dlq) => dlq.run().await,
            Self::Log(log) => log.run(),
            Self::Bench(bench) => bench.run().await,
        }
    }
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    log_to_stderr(matches!(command, Command::Server(_)));
    let outcome = tokio::runtime::Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(command.run());
        // A read of standard input that is under way cannot be called back, so nobody waits for it.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough, as `| head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Stopped>() {
            Some(stopped) => ExitCode::from(stopped.code()),
            None => {
                output::complain(&error);
                ExitCode::FAILURE
            }
        },
    }
}

/// Warnings and worse, unless `RUST_LOG` says otherwise; standard output belongs to the results. A server's log is kept
/// and searched, so its lines say when and where; a person at a terminal needs neither.
fn log_to_stderr(kept: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let said = filter.to_string();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| ConcealedLog(io::stderr()))
        .with_ansi(io::stderr().is_terminal());
    // A reload fails only when the log is gone. Its handle has the type of the whole, so it comes last.
    if kept {
        let log = log.with_filter_reloading();
        let handle = log.reload_handle();
        levels::remember(said, move |filter| drop(handle.reload(filter)));
        log.init();
    } else {
        let log = log.without_time().with_target(false).with_filter_reloading();
        let handle = log.reload_handle();
        levels::remember(said, move |filter| drop(handle.reload(filter)));
        log.init();
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
