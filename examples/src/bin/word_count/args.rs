use std::path::PathBuf;

use clap::Parser;

/// Counts the words of a novel with Millstream, through a broker that speaks the Kafka protocol.
///
/// Without --bootstrap the broker runs inside this program. At a terminal a table follows the counting and the answers stay
/// available until Ctrl-C; otherwise the program counts to the end, prints what it found and exits.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Draw the topology, and do nothing else
    #[arg(long)]
    pub(crate) draw: bool,

    /// A cluster to run on, HOST:PORT, instead of the embedded broker
    #[arg(long)]
    pub(crate) bootstrap: Option<String>,

    /// Where broker and stores keep their data, to go on after a restart; without it nothing is kept
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,

    /// The text to count, instead of the novel that is built in
    #[arg(long)]
    pub(crate) input: Option<PathBuf>,

    /// Partitions of the input topic: as many tasks share the work
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub(crate) partitions: i32,

    /// Threads that run the tasks
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,

    /// Milliseconds between commits
    #[arg(long, default_value_t = 200)]
    pub(crate) commit_interval_ms: u64,

    /// Where queries over HTTP are answered; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) query_listen: String,

    /// Only answer from what is there: feed no text
    #[arg(long)]
    pub(crate) no_input: bool,

    /// Go on answering when everything is counted, until Ctrl-C, also without a terminal
    #[arg(long)]
    pub(crate) keep_running: bool,

    /// Any configuration of Kafka Streams by its name, for example --set statestore.cache.max.bytes=0
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}
