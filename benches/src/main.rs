//! Millstream and Apache Kafka at the same work, on one machine, in turns.
//!
//! The last line of the output is a JSON object: for each figure the median of our rounds, of the peer's, and ours
//! divided by the peer's.

mod connect;
mod consume;
mod figures;
mod half_load;
mod input;
mod knobs;
mod latency;
mod node;
mod opensearch;
mod peers;
mod postgres;
mod produce;
mod start;
mod streams;
mod table;
mod wordcount;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::figures::Figures;
use crate::knobs::Knobs;
use crate::node::Side;

/// Compares Millstream with Apache Kafka at one kind of work.
#[derive(Parser)]
struct Compare {
    work: Work,
    #[command(flatten)]
    knobs: Knobs,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Work {
    /// Records in: CPU of the broker under one client, and each side's own client on its own broker
    Produce,
    /// Records out: CPU of the broker under one client, and each side's own client on its own broker
    Consume,
    /// From send to poll at a low rate
    Latency,
    /// The words of a novel by Streams: words, CPU and memory of library and broker
    Wordcount,
    /// Five operators without state by Streams
    Stateless,
    /// Sums of many keys by Streams
    Aggregate,
    /// A table by Streams, built and restored
    Restore,
    /// Counts of one-minute windows by Streams
    Windowed,
    /// From the input of a topology to its output at half load
    StreamsLatency,
    /// Rows into PostgreSQL, by Connect's sink and by COPY
    Postgres,
    /// From nothing to serving, and memory when idle
    Start,
    /// The lines of a file through a topic into another file, by Connect
    Connect,
    /// Documents from a topic into OpenSearch, by Connect and by a plain loader
    Opensearch,
}

impl Work {
    /// Who does the work: some is compared with the server's own means, not with Apache Kafka.
    fn name(self, side: Side) -> String {
        match (self, side) {
            (Self::Postgres, Side::Peer) => "plain COPY".to_owned(),
            (Self::Opensearch, Side::Peer) => "a plain bulk loader".to_owned(),
            _ => side.to_string(),
        }
    }
}

impl Compare {
    fn run(&self) -> Result<Figures> {
        let mut figures = Figures::default();
        let rows = match self.work {
            Work::Postgres => Some(postgres::Target::start()?),
            _ => None,
        };
        let target = match self.work {
            Work::Opensearch => Some(opensearch::Target::start(&self.knobs)?),
            _ => None,
        };
        for round in 0..self.knobs.rounds {
            // The order turns with the rounds: whoever comes after another's caches and writes does not do so each time.
            let sides = &self.knobs.sides;
            for turn in 0..sides.len() {
                let side = sides[(round + turn) % sides.len()];
                let name = self.work.name(side);
                figures::progress(format_args!("round {} of {}: {name}", round + 1, self.knobs.rounds));
                match self.work {
                    Work::Produce => produce::run(side, &self.knobs, &mut figures)?,
                    Work::Consume => consume::run(side, &self.knobs, &mut figures)?,
                    Work::Latency => latency::run(side, &self.knobs, &mut figures)?,
                    Work::Wordcount => wordcount::run(side, &self.knobs, &mut figures)?,
                    Work::Stateless => streams::stateless(side, &self.knobs, &mut figures)?,
                    Work::Aggregate => streams::aggregate(side, &self.knobs, &mut figures)?,
                    Work::Restore => table::run(side, &self.knobs, &mut figures)?,
                    Work::Windowed => streams::windowed(side, &self.knobs, &mut figures)?,
                    Work::StreamsLatency => half_load::run(side, &self.knobs, &mut figures)?,
                    Work::Postgres => {
                        let target = rows.as_ref().context("there is no server")?;
                        postgres::run(side, &self.knobs, &mut figures, target)?;
                    }
                    Work::Start => start::run(side, &mut figures)?,
                    Work::Connect => connect::run(side, &self.knobs, &mut figures)?,
                    Work::Opensearch => {
                        let target = target.as_ref().context("there is no server")?;
                        opensearch::run(side, &self.knobs, &mut figures, target)?;
                    }
                }
            }
        }
        Ok(figures)
    }
}

fn main() -> ExitCode {
    match Compare::parse().run().and_then(|figures| figures.print()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            figures::progress(format_args!("{error:?}"));
            ExitCode::FAILURE
        }
    }
}
