//! A table whose state is gone comes back from its changelog, timed from the listener's first word to its last.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use anyhow::{Context, Result};
use millstream_benches::process::Pid;
use serde_json::{Value, json};

use crate::{Args, close, configured};

/// A moment, and the CPU seconds that the process had taken by then.
type Mark = (Instant, f64);

pub(crate) fn run(args: &Args, partitions: usize) -> Result<Value> {
    let me = Pid(std::process::id());
    let now = move || (Instant::now(), me.cpu_seconds().unwrap_or(f64::NAN));
    let first: Arc<Mutex<Option<Mark>>> = Arc::default();
    let (done, restored) = mpsc::channel::<(u64, Mark)>();
    let began = Arc::clone(&first);
    let start = Instant::now();
    let app = configured(args, &args.state_dir)?.on_restore(move |progress| {
        began.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(now);
        if progress.is_done() {
            // Nobody listens any more once the last one is through.
            let _ = done.send((progress.records, now()));
        }
    });
    let app = app.start_blocking()?;
    let mut records = 0;
    let mut last = (start, 0.0);
    for _ in 0..partitions {
        let (of_partition, mark) = restored.recv().context("the application has stopped")?;
        records += of_partition;
        last = mark;
    }
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).context("no restore has begun")?;
    let report = json!({
        "restored": records,
        "seconds": (last.0 - first.0).as_secs_f64(),
        "cpu_seconds": last.1 - first.1,
        "start_to_ready_s": (last.0 - start).as_secs_f64(),
        "peak_memory_mib": me.peak_memory_mib()?,
    });
    close(app)?;
    Ok(report)
}
