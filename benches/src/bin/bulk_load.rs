//! The least that loads documents into a search server: a file of them, a line each, by its bulk interface.
//!
//! What a sink is compared with, so it does what the sink must: each document has the id that its record's offset gives it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use millstream_benches::process::Pid;
use millstream_connect::http::HttpClient;
use serde_json::{Value, json};

#[derive(Parser)]
struct Args {
    /// Of the server
    url: String,
    index: String,
    documents: PathBuf,
    /// Documents in a request
    #[arg(long)]
    bulk: usize,
    /// Requests under way
    #[arg(long)]
    in_flight: usize,
}

/// What is not sent yet: shared by the tasks, each of which has one request under way.
struct Documents {
    file: BufReader<File>,
    next: u64,
}

impl Documents {
    /// The next request; nothing when there are no more documents.
    fn request(&mut self, args: &Args) -> Result<String> {
        let (mut request, mut line, index) = (String::new(), String::new(), &args.index);
        for _ in 0..args.bulk {
            line.clear();
            if self.file.read_line(&mut line)? == 0 {
                break;
            }
            let id = self.next;
            writeln!(request, "{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{index}+0+{id}\"}}}}")?;
            request.push_str(&line);
            self.next += 1;
        }
        Ok(request)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Arc::new(Args::parse());
    let begun = Instant::now();
    let documents = Documents { file: BufReader::new(File::open(&args.documents)?), next: 0 };
    let documents = Arc::new(Mutex::new(documents));
    let client = HttpClient::default().build()?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..args.in_flight {
        let (args, documents, client) = (Arc::clone(&args), Arc::clone(&documents), client.clone());
        tasks.spawn(async move {
            let url = format!("{}/_bulk?filter_path=errors", args.url);
            loop {
                let request = documents.lock().unwrap_or_else(PoisonError::into_inner).request(&args)?;
                if request.is_empty() {
                    return anyhow::Ok(());
                }
                let request = client.post(&url).header("content-type", "application/x-ndjson").body(request);
                let answer: Value = request.send().await?.error_for_status()?.json().await?;
                ensure!(answer["errors"] == false, "the server refused documents: {answer}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let me = Pid(std::process::id());
    let report = json!({
        "seconds": begun.elapsed().as_secs_f64(),
        "cpu_seconds": me.cpu_seconds()?,
        "peak_memory_mib": me.peak_memory_mib()?,
    });
    Ok(writeln!(stdout(), "{report}")?)
}
