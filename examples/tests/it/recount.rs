//! The script that the monitoring ETL's answers are compared with reads lines as the topology does, odd ones too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use millstream_examples::monitoring_etl::access_log::parse;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const LINES: usize = 20_000;

/// Lines of several servers, with what stands in real logs at the edge of the format.
const ORIGINALS: [&str; 7] = [
    r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /blog/a.html?q=1 HTTP/1.1" 200 203023 "-" "curl""#,
    r#"2001:db8::1 - ann [17/May/2015:23:59:59 -0330] "POST /cart HTTP/2.0" 503 -"#,
    r#"10.0.0.1 - - [29/Feb/2024:00:00:00 +1400] "GET /projects/\"quoted\"\\ HTTP/1.1" 404 7 "-" "\"x\"""#,
    r#"10.0.0.1 - - [01/Jan/1970:00:30:00 +0100] "-" 408 0 "-" "-""#,
    r#"[::1] - "a b" [31/Dec/2037:10:00:00 +0000] "OPTIONS * HTTP/1.0" 204 18446744073709551615"#,
    r#"host.example - - [05/Nov/2023:01:30:00 -0800] "GET /presentations/möwe/🦀 HTTP/1.1" 999 1 "#,
    r#"kernel: [12.000000] oom-killer: gfp_mask=0x1"#,
];

/// What a mutation puts in.
const PIECES: [&str; 24] = [
    " ", "  ", "\"", "\\", "\\\"", "[", "]", "-", "+", "0", "9", "60", "?", "/", "\t", "\r", "\0", "\u{a0}",
    "ß", "٣", "\u{2028}", "] \"", "\" ", "Feb",
];

/// A line that one to three accidents have happened to, or none.
fn line(random: &mut StdRng) -> String {
    let mut line: Vec<char> = ORIGINALS.choose(random).map_or_else(Vec::new, |line| line.chars().collect());
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..=line.len());
        let removed = random.random_range(0..3).min(line.len() - at);
        let piece = PIECES.choose(random).filter(|_| random.random_bool(0.7)).map_or("", |piece| *piece);
        line.splice(at..at + removed, piece.chars());
    }
    line.into_iter().collect()
}

fn of_the_script(log: &Path) -> Result<BTreeMap<String, u64>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring_etl");
    let mut script = Command::new("python3");
    script.arg(folder.join("recount.py")).arg(log).arg(folder.join("services.properties")).arg("--minutes");
    let output = script.output().context("python3")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn of_the_topology(lines: &[String]) -> Result<BTreeMap<String, u64>> {
    let services = include_str!("../../monitoring_etl/services.properties");
    let services: BTreeMap<&str, &str> = services.lines().filter_map(|line| line.split_once('=')).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let mut counts = BTreeMap::new();
    // Whoever reads the log takes the return before the end of a line for a part of it.
    let read = lines.iter().map(|line| line.strip_suffix('\r').unwrap_or(line));
    for request in read.filter_map(|line| parse(line).ok()).filter(|request| request.time <= now) {
        let (minute, service) =
            (request.time / 60_000 * 60_000, services.get(request.section()).unwrap_or(&"other"));
        *counts.entry(format!("{minute}|{service}|{}", request.status)).or_default() += 1;
    }
    Ok(counts)
}

#[test]
fn the_script_and_the_topology_take_the_same_lines() -> Result<()> {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let lines: Vec<String> = (0..LINES).map(|_| line(&mut random)).collect();
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("access.log");
    // The last line is being written: nobody counts it yet.
    fs::write(&log, lines.join("\n") + "\n" + ORIGINALS[0])?;
    let (script, topology) = (of_the_script(&log)?, of_the_topology(&lines)?);
    let taken: u64 = topology.values().sum();
    ensure!(
        taken > LINES as u64 / 10 && taken < LINES as u64 / 2,
        "seed {seed}: {taken} of {LINES} are lines"
    );
    for minute in script.keys().chain(topology.keys()) {
        let (script, topology) = (script.get(minute), topology.get(minute));
        ensure!(
            script == topology,
            "seed {seed}, {minute}: the script has {script:?}, the topology {topology:?}"
        );
    }
    Ok(())
}
