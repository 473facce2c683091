//! `cargo run --bin page_views -- HOST:PORT`: page views per minute.

use millstream::prelude::*;
use millstream_examples::page_views::topology;

fn main() -> Result<(), StreamsError> {
    Streams::builder(topology()?)
        .application_id("page-views")
        .bootstrap(std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned()))
        .run_blocking_until_ctrl_c()
}
