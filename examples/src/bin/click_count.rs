//! `cargo run --bin click_count -- HOST:PORT`: the clicks of each site, from TopicA to TopicB.

use millstream::prelude::*;
use millstream_examples::click_count::topology;

fn main() -> Result<(), StreamsError> {
    Streams::builder(topology()?)
        .application_id("click-count")
        .bootstrap(std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned()))
        .run_blocking_until_ctrl_c()
}
