//! `cargo run --release --bin word_count`: the words of a novel, counted, kept and asked for.

#![expect(clippy::print_stdout, reason = "a program for people to look at")]

mod args;
mod feed;
mod table;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use millstream::prelude::*;
use millstream::query::StoreView;
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::Admin;
use millstream_examples::http;
use millstream_examples::word_count::{COUNTS, topology, words};
use tokio::time::sleep;

use args::Args;
use table::Progress;

const APPLICATION: &str = "word-count";
const NOVEL: &str = include_str!("../../../data/moby-dick.txt");

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.draw {
        print!("{}", topology()?.draw());
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let text = match &args.input {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => NOVEL.to_owned(),
    };
    let started = Instant::now();
    let broker = match args.bootstrap {
        Some(_) => None,
        None => Some(Broker::start(broker_config(&args)?).await?),
    };
    let bootstrap =
        broker.as_ref().map(Broker::bootstrap).or_else(|| args.bootstrap.clone()).unwrap_or_default();
    let scratch = tempfile::tempdir()?;
    let state = args.data.as_ref().map_or_else(|| scratch.path().to_owned(), |data| data.join("state"));

    let admin = Admin::builder().bootstrap(&bootstrap).build().await?;
    feed::create_topics(&admin, args.partitions).await?;
    let app = start(&args, &bootstrap, state).await?;
    if !args.no_input {
        feed::feed(&admin, &bootstrap, &text).await?;
    }
    let counts = app.store(COUNTS)?.routed();
    let expected = if args.no_input { 0 } else { words(&text).count() as i64 };
    let Some((totals, progress)) = count_to_the_end(&admin, &app, &counts, expected, started).await? else {
        app.close().await?;
        anyhow::bail!("the application has stopped");
    };
    table::print(&mut stdout().lock(), &table::top(totals), &progress)?;
    show_an_answer(&app).await?;
    if args.keep_running || stdout().is_terminal() {
        println!("Ctrl-C ends the program");
        app.run_until(tokio::signal::ctrl_c()).await?;
    } else {
        app.close().await?;
    }
    if let Some(broker) = broker {
        broker.close().await;
    }
    Ok(())
}

fn broker_config(args: &Args) -> anyhow::Result<BrokerConfig> {
    let config = match &args.data {
        Some(data) => BrokerConfig::new(data.join("broker")).listen("127.0.0.1:0"),
        None => BrokerConfig::ephemeral(),
    };
    // The group has one process: there is nobody to wait for before the first assignment.
    Ok(config.set("group.initial.rebalance.delay.ms", "0")?)
}

async fn start(args: &Args, bootstrap: &str, state: PathBuf) -> anyhow::Result<Streams> {
    let mut app = Streams::builder(topology()?)
        .application_id(APPLICATION)
        .bootstrap(bootstrap)
        .state_dir(state)
        .num_stream_threads(args.threads)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        .draw_restores()
        .serve(COUNTS)
        .query_listen(&args.query_listen);
    for setting in &args.set {
        let (name, value) =
            setting.split_once('=').with_context(|| format!("--set {setting}: expected NAME=VALUE"))?;
        app = app.set(name, value);
    }
    Ok(app.start().await?)
}

/// Waits until all of the text is counted and committed, with a table to look at where somebody can; returns what there is
/// then. `None`: the application has stopped, and its handle knows why.
async fn count_to_the_end(
    admin: &Admin,
    app: &Streams,
    counts: &StoreView<Text, i64>,
    expected: i64,
    started: Instant,
) -> anyhow::Result<Option<(Vec<(Text, i64)>, Progress)>> {
    let watched = stdout().is_terminal();
    let counted = loop {
        if app.state().is_final() {
            return Ok(None);
        }
        // While tasks are on their way there is nothing to show; that passes.
        if app.state() == AppState::Running {
            if watched && let Ok((totals, progress)) = read(counts, expected, started).await {
                table::draw(&mut stdout().lock(), &table::top(totals), &progress)?;
            }
            if feed::is_counted(admin, APPLICATION).await?
                && let Ok(counted) = read(counts, expected, started).await
            {
                break counted;
            }
        }
        sleep(Duration::from_millis(if watched { 250 } else { 50 })).await;
    };
    if watched {
        table::clear(&mut stdout().lock())?;
    }
    Ok(Some(counted))
}

async fn read(
    counts: &StoreView<Text, i64>,
    expected: i64,
    started: Instant,
) -> anyhow::Result<(Vec<(Text, i64)>, Progress)> {
    let totals = counts.all().await?;
    let counted = totals.iter().map(|(_, count)| count).sum();
    let progress = Progress { counted, distinct: totals.len(), expected, elapsed: started.elapsed() };
    Ok((totals, progress))
}

/// Asks for one word as any program could, over HTTP.
async fn show_an_answer(app: &Streams) -> anyhow::Result<()> {
    let address = app.query_address().context("queries are not served")?;
    let path = "/stores/word-counts/whale";
    println!("GET http://{address}{path}\n{}", http::get(address, path).await?);
    Ok(())
}
