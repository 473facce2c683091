//! How old a line is when it is seen, at a low and steady rate.
//!
//! Live state: from when a line was written to its file until the running program counts it. Series: from when the line was written
//! that closes a minute (the first that is later than its end and grace) until the minute is in its topic, and until VictoriaMetrics
//! answers it; what a minute's own length and its grace add to the age of its lines is what they are set to.
//!
//! The log's time passes sixty times as fast as ours, so that a minute closes every second.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use millstream_client::{Consumer, Event};
use millstream_tests::daemon::get;
use millstream_tests::etl::{Stack, live};
use serde_json::Value;

use crate::Figures;

/// Seconds of the log's time that a minute waits for what comes late.
pub(crate) const GRACE_S: i64 = 10;

/// Seconds of the log's time in one of ours.
const SPEED: u32 = 60;

/// How often lines are written, one of each path.
const BEAT: Duration = Duration::from_millis(10);

/// How often it is asked what is to be seen.
const LOOK: Duration = Duration::from_millis(5);

/// Minutes that are not measured: connectors make tables and open sessions then.
const WARM_UP: i64 = 10;

/// How long the last lines may take to be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// One path of each service, so that every line is the next of its service.
const PATHS: [&str; 7] =
    ["/blog/a", "/presentations/b", "/projects/c", "/files/d", "/images/e", "/cart/f", "/else/g"];

/// When the lines of a second of the log's time were written first, and each line by its number.
#[derive(Default)]
struct Written {
    seconds: BTreeMap<i64, Instant>,
    lines: Vec<Instant>,
}

/// When a minute of a service was seen first.
type Minutes = BTreeMap<(i64, String), Instant>;

pub(crate) fn measure(stack: &Stack, seconds: u32, figures: &mut Figures) -> Result<()> {
    answers(stack)?;
    // The beginning of a minute; the log ends in the past, for the future is refused.
    let first = (Utc::now().timestamp() - i64::from((seconds + 60) * SPEED)).div_euclid(60) * 60;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let counts = scope.spawn(|| counted(stack, &is_over));
        let topic = scope.spawn(|| in_topic(stack, &is_over));
        let series = scope.spawn(|| in_series(stack, &is_over));
        let written = write(stack, first, seconds).and_then(|written| wait(stack, written));
        is_over.store(true, Relaxed);
        let (written, counts) = (written?, join(counts)?);
        add(figures, "ms from a line to the live state", of_lines(&written, &counts)?)?;
        for (what, seen) in [("topic", join(topic)?), ("series in VictoriaMetrics", join(series)?)] {
            let name = format!("ms from the line that closes a minute to its {what}");
            add(figures, &name, of_minutes(first, seconds, &written, &seen)?)?;
        }
        Ok(())
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().ok().context("it panicked")?
}

/// Waits until the topology answers.
fn answers(stack: &Stack) -> Result<()> {
    let since = Instant::now();
    while let Err(why) = live(stack) {
        ensure!(since.elapsed() < PATIENCE, "{why:?}\n{}", stack.describe());
        sleep(BEAT);
    }
    Ok(())
}

/// Writes at a steady rate.
fn write(stack: &Stack, first: i64, seconds: u32) -> Result<Written> {
    let (begun, mut written) = (Instant::now(), Written::default());
    for beat in 0..seconds * 1_000 / BEAT.as_millis() as u32 {
        sleep((begun + BEAT * beat).saturating_duration_since(Instant::now()));
        let second = first + (BEAT * beat * SPEED).as_secs() as i64;
        stack.append(&PATHS.map(|path| line(second, path)))?;
        let now = Instant::now();
        written.seconds.entry(second).or_insert(now);
        written.lines.extend([now; PATHS.len()]);
    }
    Ok(written)
}

fn line(second: i64, path: &str) -> String {
    let time = DateTime::from_timestamp(second, 0).unwrap_or_default().format("%d/%b/%Y:%H:%M:%S %z");
    format!("10.0.0.1 - - [{time}] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"bench/1.0\"")
}

/// Waits until all lines are counted, and what is told of closed minutes has had time to arrive.
fn wait(stack: &Stack, written: Written) -> Result<Written> {
    let since = Instant::now();
    while requests(stack)? < written.lines.len() {
        ensure!(since.elapsed() < PATIENCE, "lines are missing\n{}", stack.describe());
        sleep(LOOK);
    }
    sleep(Duration::from_secs(5));
    Ok(written)
}

fn requests(stack: &Stack) -> Result<usize> {
    Ok(live(stack)?.values().map(|(requests, _)| *requests as usize).sum())
}

/// Asks the running program again and again: how many lines it has counted, and when it said so first.
fn counted(stack: &Stack, is_over: &AtomicBool) -> Result<BTreeMap<usize, Instant>> {
    let mut seen = BTreeMap::new();
    while !is_over.load(Relaxed) {
        let count = requests(stack)?;
        seen.entry(count).or_insert_with(Instant::now);
        sleep(LOOK);
    }
    Ok(seen)
}

/// Reads what the topology tells of minutes as it comes.
fn in_topic(stack: &Stack, is_over: &AtomicBool) -> Result<Minutes> {
    let consumer = Consumer::builder().bootstrap(stack.bootstrap()).group_id("bench-etl");
    let mut consumer = consumer.set("auto.offset.reset", "earliest")?.build_blocking()?;
    consumer.subscribe(["requests-per-minute"])?;
    let mut seen = Minutes::new();
    while !is_over.load(Relaxed) {
        let Some(Event::Fetched(fetched)) = consumer.poll_blocking(BEAT)? else { continue };
        let now = Instant::now();
        fetched.for_each(|record| {
            let told: Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
            let key = (told["minute"].as_i64().unwrap_or_default(), told["service"].to_string());
            seen.entry(key).or_insert(now);
            Ok(())
        })?;
    }
    Ok(seen)
}

/// Asks VictoriaMetrics again and again.
fn in_series(stack: &Stack, is_over: &AtomicBool) -> Result<Minutes> {
    let mut seen = Minutes::new();
    while !is_over.load(Relaxed) {
        let exported = get(stack.victoria(), "/api/v1/export?match%5B%5D=requests_per_minute")?;
        let now = Instant::now();
        for series in exported.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let service = series["metric"]["service"].to_string();
            for time in series["timestamps"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                seen.entry((time, service.clone())).or_insert(now);
            }
        }
        sleep(LOOK);
    }
    Ok(seen)
}

/// Milliseconds until each line was counted, without those of the first minutes.
fn of_lines(written: &Written, seen: &BTreeMap<usize, Instant>) -> Result<Vec<f64>> {
    let warm_up = written.lines.len().min(WARM_UP as usize * PATHS.len() * 1_000 / BEAT.as_millis() as usize);
    let delay = |(index, at): (usize, &Instant)| {
        let (_, counted) = seen.range(index + 1..).next().context("a line was not counted")?;
        Ok(ms(counted.saturating_duration_since(*at)))
    };
    written.lines.iter().enumerate().skip(warm_up).map(delay).collect()
}

/// Milliseconds until each minute of each service was seen, without the first, and the last that no line closes.
fn of_minutes(first: i64, seconds: u32, written: &Written, seen: &Minutes) -> Result<Vec<f64>> {
    let mut delays = Vec::new();
    for minute in WARM_UP..i64::from(seconds) - 1 {
        let start = first + minute * 60;
        let (_, closed) =
            written.seconds.range(start + 60 + GRACE_S..).next().context("no line closes it")?;
        let of_minute = seen.range((start * 1_000, String::new())..(start * 1_000 + 1, String::new()));
        let before = delays.len();
        delays.extend(of_minute.map(|(_, at)| ms(at.saturating_duration_since(*closed))));
        let services = delays.len() - before;
        ensure!(services == PATHS.len(), "minute {minute}: {services} of {} services are seen", PATHS.len());
    }
    Ok(delays)
}

fn ms(delay: Duration) -> f64 {
    delay.as_secs_f64() * 1e3
}

fn add(figures: &mut Figures, name: &str, mut delays: Vec<f64>) -> Result<()> {
    delays.sort_by(f64::total_cmp);
    for (called, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
        let nth = (delays.len() as f64 * part).ceil() as usize;
        let delay = nth.checked_sub(1).and_then(|nth| delays.get(nth)).context("nothing was measured")?;
        figures.add(&format!("{name}, {called}"), *delay);
    }
    Ok(())
}
