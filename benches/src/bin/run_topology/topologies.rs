//! The same operators on the same records as `peers.Topologies`.

use std::fmt;

use bytes::Bytes;
use millstream::prelude::*;

const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// What is run.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Work {
    /// Five operators without state
    Stateless,
    /// A sum for each of many keys
    Aggregate,
    /// Events per key and minute
    Windowed,
    /// The last value of each key, told of at each commit
    Latest,
    /// A table of the input
    Table,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stateless => "stateless",
            Self::Aggregate => "aggregate",
            Self::Windowed => "windowed",
            Self::Latest => "latest",
            Self::Table => "table",
        })
    }
}

impl Work {
    pub(crate) fn topology(self) -> Result<Topology, TopologyError> {
        let builder = StreamsBuilder::new();
        match self {
            Self::Stateless => stateless(&builder),
            Self::Aggregate => aggregate(&builder),
            Self::Windowed => windowed(&builder),
            Self::Latest => latest(&builder),
            Self::Table => table(&builder),
        }
        builder.build()
    }
}

/// Users by the page that they were shown: `user-17` and `GET /page/4 200` become `/page/4` and `17`.
fn stateless(builder: &StreamsBuilder) {
    builder
        .stream(Topic::<Text, String>::new(INPUT))
        .filter(|_, request| request.ends_with(" 200"))
        .map_values(|request| Text::from(page_of(&request)))
        .map(|user, page| (page, user))
        .filter(|page, _| page != "/")
        .map_values(|user| Text::from(user.split_once('-').map_or("", |(_, number)| number)))
        .to(Topic::new(OUTPUT));
}

/// What stands between the first blank and the last.
fn page_of(request: &str) -> &str {
    let path_and_status = request.split_once(' ').map_or(request, |(_, rest)| rest);
    path_and_status.rsplit_once(' ').map_or(path_and_status, |(path, _)| path)
}

fn aggregate(builder: &StreamsBuilder) {
    builder
        .stream(Topic::<Text, i64>::new(INPUT))
        .group_by_key()
        .aggregate(KeyValueStore::<Text, i64>::new("sums"), || 0, |_, value, sum| *sum += value)
        .to(Topic::new(OUTPUT));
}

fn windowed(builder: &StreamsBuilder) {
    builder
        .stream(Topic::<Text, String>::new(INPUT))
        .group_by_key()
        .windowed_by(TimeWindows::of(mins(1)).grace(secs(30)))
        .count(WindowStore::<Text, i64>::new("per-minute").retention(hours(1)))
        .to(Topic::windowed(OUTPUT, mins(1)));
}

fn latest(builder: &StreamsBuilder) {
    builder
        .stream(Topic::<Text, i64>::new(INPUT))
        .group_by_key()
        .reduce(KeyValueStore::<Text, i64>::new("latest"), |_, value| value)
        .to(Topic::new(OUTPUT));
}

fn table(builder: &StreamsBuilder) {
    let store = KeyValueStore::<Text, Bytes>::new("table");
    builder.table_in(Topic::new(INPUT), store).to_stream().for_each(|_, _| ());
}
