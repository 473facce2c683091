//! The monitoring ETL with each of its processes killed again and again while lines are written.

mod ledger;
mod minutes;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use chrono::Utc;
use millstream_tests::etl::{Answers, Extra, Stack, Which, log};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use ledger::{Counts, Ledger, unstored};

const REAL: &str = include_str!("../../../examples/data/apache_access.log");

/// Lines of the real log, and of the made up one.
const REAL_LINES: usize = 2_000;
const EXTRA_LINES: usize = 10_000;

/// How often the processes die.
const ROUNDS: usize = 2;

/// Who dies in a round, in any order. Whoever dies after the broker, and before it is there again, dies with records that nobody has
/// acknowledged.
const DEATHS: [&[Which]; 5] = [
    &[Which::Broker],
    &[Which::Connect],
    &[Which::App],
    &[Which::Broker, Which::Connect],
    &[Which::Broker, Which::App],
];

/// How long the writer takes over its lines, at least: longer than the deaths.
const WRITING: Duration = Duration::from_secs(45);

/// How long Connect may take until its sinks are at work, without which it is killed all the same.
const AT_WORK: Duration = Duration::from_secs(5);

/// Bytes that it writes at once: lines are cut anywhere.
const WRITE: usize = 7_001;

/// How long the pipeline may take to come to rest. Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(400);

/// Nothing is deleted from the repartition topics, so that they can be read afterwards.
const KEEP_REPARTITIONED: [&str; 2] = ["--set", "repartition.purge.interval.ms=86400000"];

#[test]
fn whatever_is_killed_nothing_is_lost_and_no_more_is_counted_twice_than_was_uncommitted() -> Result<()> {
    let seed = rand::random();
    println!("seed {seed}");
    let Some(mut stack) = Stack::start_to_kill(&KEEP_REPARTITIONED, |step| println!("{step}"))? else {
        return Ok(());
    };
    let survived = survives(&mut stack, seed);
    survived.with_context(|| format!("seed {seed}\n{}", stack.describe()))
}

fn survives(stack: &mut Stack, seed: u64) -> Result<()> {
    let real: Vec<&str> = REAL.lines().take(REAL_LINES).collect();
    let extra = Extra { seed, lines: EXTRA_LINES, ..Extra::default() };
    let text = log(&real.join("\n"), extra, Utc::now())?.join("\n") + "\n";
    let mut ledger = Ledger::default();
    let path = stack.log();
    thread::scope(|scope| -> Result<()> {
        let writer = scope.spawn(|| write(&path, &text));
        let killed = kill_in_turns(stack, &mut ledger, &mut StdRng::seed_from_u64(seed));
        writer.join().map_err(|_| anyhow!("the writer panicked"))??;
        killed
    })?;
    let truth = counts(stack.recount(&["--minutes"])?)?;
    come_to_rest(stack, &truth)?;
    check(stack, &ledger, &truth)
}

/// Writes a log as a server does whose buffer is flushed in the middle of lines.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut log = OpenOptions::new().append(true).open(path)?;
    let chunks = text.as_bytes().chunks(WRITE);
    let pause = WRITING / chunks.len() as u32;
    for chunk in chunks {
        log.write_all(chunk)?;
        sleep(pause);
    }
    Ok(())
}

fn kill_in_turns(stack: &mut Stack, ledger: &mut Ledger, random: &mut StdRng) -> Result<()> {
    for _ in 0..ROUNDS {
        let mut deaths = DEATHS;
        deaths.shuffle(random);
        for dead in deaths {
            if dead.contains(&Which::Connect) {
                see_documents_come(stack);
            }
            for which in dead {
                sleep(Duration::from_millis(random.random_range(200..2_000)));
                stack.kill(*which)?;
            }
            sleep(Duration::from_millis(random.random_range(0..500)));
            // The broker first: what the others may do again is read from it.
            for which in dead {
                match which {
                    // It has promised what it acknowledged, so nobody does anything again.
                    Which::Broker => {}
                    Which::Connect => ledger.note_connects_death(stack)?,
                    Which::App => ledger.note_the_topologys_death(&stack.topics()?)?,
                }
                stack.restart(*which)?;
            }
        }
    }
    Ok(())
}

/// Waits until Connect's sinks are at work, and no longer than that may take: who dies before has nothing to do again.
fn see_documents_come(stack: &Stack) {
    let since = Instant::now();
    let count = || Answers::documents(stack).unwrap_or_default();
    let before = count();
    while count() == before && since.elapsed() < AT_WORK {
        sleep(Duration::from_millis(100));
    }
}

/// Waits until documents and roll-ups are complete, and the position behind the last line is stored.
fn come_to_rest(stack: &Stack, truth: &Counts) -> Result<()> {
    let since = Instant::now();
    loop {
        let missing = missing(stack, truth);
        match missing {
            Ok(None) => return Ok(()),
            Ok(Some(what)) if since.elapsed() > PATIENCE => {
                return Err(anyhow!("the pipeline does not come to rest: {what}"));
            }
            Err(why) if since.elapsed() > PATIENCE => return Err(why),
            _ => sleep(Duration::from_millis(500)),
        }
    }
}

/// What is not where it should be yet.
fn missing(stack: &Stack, truth: &Counts) -> Result<Option<String>> {
    // A position that is never stored would excuse any line that comes again.
    let unstored = unstored(stack)?;
    if unstored > 0 {
        return Ok(Some(format!("the position in the log: {unstored} lines behind it")));
    }
    let answers = Answers::ask(stack)?;
    if answers.of("OpenSearch") != answers.of("recount") {
        return Ok(Some(format!("documents\n{}", answers.table())));
    }
    let topics = stack.topics()?;
    let (told, late) = (minutes::told(&topics)?, minutes::late(&topics)?);
    let told_of = |key: &String| told.get(key).and_then(|all| all.last()).copied().unwrap_or_default();
    let is_short =
        |(key, made): &(&String, &u64)| told_of(key) + late.get(*key).copied().unwrap_or_default() < **made;
    if let Some((key, made)) = truth.iter().find(is_short) {
        return Ok(Some(format!("{key}: {made} were made, {} are told of", told_of(key))));
    }
    let rows = minutes::rows(stack)?;
    let last: Counts = told.iter().filter_map(|(key, all)| Some((key.clone(), *all.last()?))).collect();
    if rows != last {
        return Ok(Some("rows".to_owned()));
    }
    let samples = minutes::samples(stack)?;
    Ok((!samples.keys().eq(last.keys())).then(|| "samples".to_owned()))
}

fn check(stack: &Stack, ledger: &Ledger, truth: &Counts) -> Result<()> {
    let topics = stack.topics()?;
    ledger.check_lines(stack, &topics)?;
    ledger.check_requests(&topics)?;

    let (told, mut counted) = (minutes::told(&topics)?, minutes::late(&topics)?);
    for (key, all) in &told {
        *counted.entry(key.clone()).or_default() += all.last().copied().unwrap_or_default();
    }
    ledger.check_minutes(&topics, truth, &counted)?;
    for (key, samples) in minutes::samples(stack)? {
        let is_told = told.get(&key).is_some_and(|all| samples.iter().all(|sample| all.contains(sample)));
        ensure!(is_told, "{key}: the series has {samples:?}, {:?} was told", told.get(&key));
    }

    let answers = Answers::ask(stack)?;
    let of = |who: &str| -> Result<Counts> {
        let counts = answers.of(who).context("nobody answers")?;
        Ok(counts.iter().map(|(service, (requests, _))| (service.clone(), *requests)).collect())
    };
    ensure!(of("OpenSearch")? == of("recount")?, "documents:\n{}", answers.table());
    ledger.check_services(&topics, &of("recount")?, &of("live state")?)
}

fn counts(answer: serde_json::Value) -> Result<Counts> {
    Ok(serde_json::from_value(answer)?)
}
