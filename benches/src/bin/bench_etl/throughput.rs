//! A log that is there at once, until all five answers agree.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::Utc;
use millstream_benches::process::Pid;
use millstream_tests::etl::{Answers, Extra, Stack, log};

use crate::{Figures, REAL};

/// Over so many minutes the lines are spread that are made up: their minutes have 1,000 each.
const LINES_A_MINUTE: usize = 1_000;

/// How long the answers may take to agree.
const PATIENCE: Duration = Duration::from_secs(900);

/// Between two questions to all five, which cost something too.
const PAUSE: Duration = Duration::from_secs(2);

/// CPU seconds of processes and of those that they have started.
fn spent(processes: &[(&'static str, u32)]) -> Result<Vec<(&'static str, f64)>> {
    processes.iter().map(|(name, pid)| Ok((*name, Pid(*pid).family_cpu_seconds()?))).collect()
}

pub(crate) fn measure(stack: &Stack, lines: usize, figures: &mut Figures) -> Result<()> {
    let extra = lines.saturating_sub(REAL.lines().count());
    let minutes = (extra / LINES_A_MINUTE).max(1) as i64;
    let lines = log(REAL, Extra { lines: extra, minutes, ..Extra::default() }, Utc::now())?;
    let (ours, servers) = (stack.processes(), stack.servers());
    let (ours_before, servers_before) = (spent(&ours)?, spent(&servers)?);
    let begun = Instant::now();
    stack.append(&lines)?;
    let answers = agreement(stack)?;
    let millions = lines.len() as f64 / 1e6;
    figures.add("lines", lines.len() as f64);
    figures
        .add("requests", answers.of("recount").into_iter().flatten().map(|(_, count)| count.0 as f64).sum());
    figures.add("s until all agree", begun.elapsed().as_secs_f64());
    let mut whole = 0.0;
    for ((name, after), (_, before)) in spent(&ours)?.into_iter().zip(ours_before) {
        whole += after - before;
        figures.add(&format!("CPU s per million lines, {name}"), (after - before) / millions);
    }
    figures.add("CPU s per million lines, whole chain", whole / millions);
    figures.add("lines per CPU s, whole chain", lines.len() as f64 / whole);
    for ((name, after), (_, before)) in spent(&servers)?.into_iter().zip(servers_before) {
        figures.add(&format!("CPU s per million lines, {name}"), (after - before) / millions);
    }
    Ok(())
}

fn agreement(stack: &Stack) -> Result<Answers> {
    let since = Instant::now();
    loop {
        match Answers::ask(stack) {
            Ok(answers) if answers.agree() => return Ok(answers),
            answers => ensure!(since.elapsed() < PATIENCE, "{answers:?}\n{}", stack.describe()),
        }
        sleep(PAUSE);
    }
}
