//! `cargo run --bin order_totals -- HOST:PORT`: what each customer has ordered.

use millstream::prelude::*;
use millstream_examples::order_totals::topology;

fn main() -> Result<(), StreamsError> {
    Streams::builder(topology()?)
        .application_id("order-totals")
        .bootstrap(std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned()))
        .run_blocking_until_ctrl_c()
}
