//! `make etl-demo`: the monitoring ETL from a log to the five answers.

#![expect(clippy::print_stdout, reason = "a program for people to look at")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::Utc;
use millstream_tests::etl::{Answers, Counts, Extra, Shuffled, Stack, log};
use millstream_tests::interrupt::{INTERRUPTED, Interrupt};

const REAL: &str = include_str!("../../../examples/data/apache_access.log");

/// Lines that are appended to the log at once.
const CHUNK: usize = 3_000;

/// How many of a hundred lines that are made up are for one path: of all, it is 60.
const HOT_PERCENT: u32 = 90;

/// How long the answers may differ without any of them changing: longer than the last minute of the log takes to be over, and to
/// be closed.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<ExitCode> {
    let interrupt = Interrupt::watch()?;
    match demo(&interrupt) {
        // What went wrong last is that the servers were told to end too.
        Err(_) if interrupt.is_asked() => {
            println!("\ninterrupted: everything is stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

fn demo(interrupt: &Interrupt) -> Result<()> {
    let begun = Instant::now();
    let say = |text: &str| println!("{:>6.1} s  {text}", begun.elapsed().as_secs_f64());
    let Some(mut stack) = Stack::start(&[], say)? else {
        bail!("a server is missing: `make needs judges` installs them")
    };
    let extra = Extra { hot_percent: HOT_PERCENT, ..Extra::default() };
    let lines = log(REAL, extra, Utc::now())?;
    say(&format!("a server writes {} lines to its log, {} of them real", lines.len(), REAL.lines().count()));
    for chunk in lines.chunks(CHUNK) {
        stack.append(chunk)?;
        interrupt.pause(Duration::from_millis(200))?;
    }
    say("the log is silent; its last minutes close when they are over, in a minute or two");
    let answers = agreement(&mut stack, interrupt, say)?;
    println!(
        "\nrequests (and those that failed) of each service, as five sources tell it\n\n{}\n",
        answers.table()
    );
    println!("alerts raised:");
    for alert in stack.sql("SELECT to_timestamp(minute / 1000), service, failed || ' of ' || requests || ' failed' FROM alerts ORDER BY 1")? {
        println!("  {}", alert.replace('|', "  "));
    }
    if !answers.agree() {
        bail!("the answers differ\n{}", stack.describe());
    }
    hot_key(&stack, &answers)?;
    println!("\nthe five agree, {:.0} s after the start", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Counts requests by path twice, one of which has most: each by itself, and combined before they are shuffled.
fn hot_key(stack: &Stack, answers: &Answers) -> Result<()> {
    let requests = answers.of("recount").into_iter().flatten().map(|(_, (requests, _))| requests).sum();
    let (plain, combined) = (Shuffled::run(stack, false, requests)?, Shuffled::run(stack, true, requests)?);
    let hottest = plain.counts.iter().max_by_key(|(_, count)| **count);
    let Some((path, count)) = hottest else { bail!("no paths") };
    println!("\nrequests by path; {:.0} % are for {path}\n", *count as f64 * 100.0 / requests as f64);
    println!("{:<16}{:>18}{:>18}", "", "records shuffled", "imbalance");
    for (how, shuffled) in [("each by itself", &plain), ("pre_aggregate", &combined)] {
        println!("{how:<16}{:>18}{:>18.2}", shuffled.records, shuffled.imbalance);
    }
    if plain.counts != combined.counts {
        bail!("they count differently");
    }
    Ok(())
}

/// Waits until all say the same, or nothing changes any more. Returns what they say last.
fn agreement(stack: &mut Stack, interrupt: &Interrupt, say: impl Fn(&str)) -> Result<Answers> {
    let (mut since, mut told) = (Instant::now(), String::new());
    loop {
        let answers = Answers::ask(stack);
        let now = match &answers {
            Ok(answers) => totals(answers),
            Err(error) => format!("no answer yet, {error}"),
        };
        if now != told {
            say(&now);
            (since, told) = (Instant::now(), now);
        }
        let late = since.elapsed() > PATIENCE;
        match answers {
            Ok(answers) if late || answers.agree() => return Ok(answers),
            Err(error) if late => return Err(error.context(stack.describe())),
            _ => {}
        }
        stack.check_running()?;
        interrupt.pause(Duration::from_secs(1))?;
    }
}

/// How many requests each has heard of.
fn totals(answers: &Answers) -> String {
    let total = |counts: &Counts| counts.values().map(|count| count.0).sum::<u64>();
    let all: Vec<String> =
        answers.by.iter().map(|(who, counts)| format!("{who} {}", total(counts))).collect();
    all.join(", ")
}
