//! `cargo run --bin orders_to_inventory`: keeps an inventory from orders and deliveries, tells Postgres what was decided, and answers
//! for each item on a port. `examples/orders_to_inventory/pipeline.yaml` brings the orders.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use millstream::prelude::*;
use millstream_examples::orders_to_inventory::{INVENTORY, topology};

/// Keeps an inventory from orders and deliveries.
#[derive(Parser)]
struct Args {
    /// The cluster
    #[arg(long, default_value = "localhost:9092")]
    bootstrap: String,
    /// The database for what was decided
    #[arg(long, env = "POSTGRES_URL")]
    postgres: String,
    /// Where the state is kept
    #[arg(long, default_value = "inventory-state")]
    state: PathBuf,
    /// Where the state is asked for: `GET /stores/inventory/ITEM`
    #[arg(long, default_value = "127.0.0.1:7001")]
    query_listen: String,
    /// Milliseconds between commits
    #[arg(long, default_value_t = 1_000)]
    commit_interval_ms: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    Streams::builder(topology(&args.postgres)?)
        .application_id("inventory")
        .bootstrap(args.bootstrap)
        .state_dir(args.state)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        // What is posted and is no order stops nobody.
        .on_error(|failed| if failed.is_decode() { Action::Skip } else { Action::Fail })
        .serve(INVENTORY)
        .query_listen(&args.query_listen)
        .run_blocking_until_ctrl_c()?;
    Ok(())
}
