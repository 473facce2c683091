//! `cargo run --bin enrich -- HOST:PORT`: orders with what is known of them.

use millstream::prelude::*;
use millstream_examples::enrich::topology;

fn main() -> Result<(), StreamsError> {
    Streams::builder(topology()?)
        .application_id("enrich")
        .bootstrap(std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned()))
        .run_blocking_until_ctrl_c()
}
