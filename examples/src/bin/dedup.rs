//! `cargo run --bin dedup -- HOST:PORT`: each payment once.

use millstream::prelude::*;
use millstream_examples::dedup::topology;

fn main() -> Result<(), StreamsError> {
    Streams::builder(topology()?)
        .application_id("dedup")
        .bootstrap(std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned()))
        .run_blocking_until_ctrl_c()
}
