//! `millstream streams skew`.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::answer::{Key, Pace};
use super::ask;
use super::report::{Instance, Report, Told, Topic};
use crate::output::{self, Format};

/// Keys of a partition that a line shows, and characters of each.
const KEYS_SHOWN: usize = 3;
const KEY_CHARS: usize = 24;

#[derive(Args)]
pub(crate) struct Skew {
    /// Where an instance answers queries (query_listen); those that it names are asked too
    #[arg(long = "url", required = true, value_name = "URL")]
    urls: Vec<String>,
    /// Ask only the instances given, not those that they name
    #[arg(long)]
    only: bool,
    /// How long an instance may take to answer
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    timeout: u64,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl Skew {
    pub(super) async fn run(self) -> Result<()> {
        let asked = ask::all(&self.urls, !self.only, Duration::from_secs(self.timeout)).await?;
        if let [Err(error)] = &asked.iter().map(|asked| asked.answer.as_ref()).collect::<Vec<_>>()[..] {
            bail!("{} does not answer: {error:#}", asked[0].instance);
        }
        let all_silent = asked.iter().all(|asked| asked.answer.is_err());
        let report = Report::of(asked);
        if self.json || self.output == Format::Json {
            output::json(&report)?;
        } else {
            output::say(shown(&report).trim_end())?;
        }
        if all_silent {
            bail!("no instance answers");
        }
        Ok(())
    }
}

fn shown(report: &Report) -> String {
    let mut text = String::new();
    for topic in &report.topics {
        let _ = writeln!(text, "{}{}\n{}\n", topic.topic, imbalance(topic), partitions(topic));
    }
    let _ = writeln!(text, "{}", instances(&report.instances));
    let partitions = || report.topics.iter().flat_map(|topic| &topic.partitions);
    let hot = partitions().filter(|told| told.hot).count();
    let hot_keys = partitions().filter(|told| told.hot_key).count();
    let behind = report.instances.iter().filter(|instance| is_behind(instance)).count();
    let silent = report.instances.iter().filter(|instance| instance.unreachable.is_some()).count();
    for (count, what) in [
        (hot, "! partitions with twice the mean of their topic or more"),
        (
            hot_keys,
            "* partitions of which one key has half or more: combine it before the shuffle (pre_aggregate), or divide the key",
        ),
        (behind, "< instances far behind the others"),
        (silent, "? instances that do not answer: their partitions are missing above"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{what}: {count}");
        }
    }
    text
}

fn imbalance(topic: &Topic) -> String {
    let Some(ratio) = topic.imbalance else { return ": nothing read yet".to_owned() };
    format!(": the busiest partition has {ratio:.1} times the mean")
}

fn partitions(topic: &Topic) -> Table {
    let mut table =
        table(&["", "PARTITION", "RECORDS", "SHARE", "BYTES", "LAG", "BEHIND", "INSTANCE", "TOP KEYS"]);
    for told in &topic.partitions {
        let Told { partition, instance, share, hot, hot_key } = told;
        let mark = format!("{}{}", if *hot { "!" } else { "" }, if *hot_key { "*" } else { "" });
        table.add_row([
            mark,
            partition.partition.to_string(),
            grouped(partition.records),
            share.map_or_else(String::new, percent),
            bytes(partition.bytes),
            partition.lag.map_or_else(unknown, grouped),
            partition.lag_seconds.map_or_else(unknown, seconds),
            instance.clone(),
            keys(&partition.top_keys),
        ]);
    }
    aligned(table, 1..=6)
}

fn instances(instances: &[Instance]) -> Table {
    let mut table = table(&["", "INSTANCE", "PARTITIONS", "RECORDS/S", "BEHIND", "OTHERS BEHIND", ""]);
    for told in instances {
        let Instance { instance, partitions, pace, unreachable } = told;
        let mark = match (unreachable, is_behind(told)) {
            (Some(_), _) => "?",
            (None, true) => "<",
            (None, false) => "",
        };
        let pace = pace.as_ref();
        let peers = pace.and_then(|pace| pace.peers.as_ref()?.lag_seconds);
        table.add_row([
            mark.to_owned(),
            instance.clone(),
            if unreachable.is_some() { unknown() } else { partitions.to_string() },
            pace.map_or_else(unknown, |pace| grouped(pace.records_per_second.round() as u64)),
            pace.and_then(|pace| pace.lag_seconds).map_or_else(unknown, seconds),
            peers.map_or_else(unknown, seconds),
            unreachable.clone().unwrap_or_default(),
        ]);
    }
    aligned(table, 2..=5)
}

fn is_behind(instance: &Instance) -> bool {
    instance.pace.as_ref().is_some_and(|Pace { behind, .. }| *behind)
}

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().copied());
    table
}

/// Numbers stand below each other's last digits.
fn aligned(mut table: Table, numbers: std::ops::RangeInclusive<usize>) -> Table {
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn unknown() -> String {
    "-".to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `12,345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        ..60.0 => format!("{seconds:.1} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

/// `paris 61 %, rome 9 %`; what is no text for a terminal is shown as what it would be in a program.
fn keys(keys: &[Key]) -> String {
    let key = |key: &Key| {
        let escaped = key.key.escape_debug().to_string();
        let cut: String = escaped.chars().take(KEY_CHARS).collect();
        let more = if cut.len() < escaped.len() { "…" } else { "" };
        format!("{cut}{more} {}", percent(key.share))
    };
    keys.iter().take(KEYS_SHOWN).map(key).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([0, 1_023, 1_536, 5 << 40].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5120.0 GiB"]);
        assert_eq!([0.0, 59.94, 90.0, 7_200.0].map(seconds), ["0.0 s", "59.9 s", "2 min", "2 h"]);
        let key = Key { key: "\u{1b}[2J".to_owned() + &"x".repeat(40), share: 0.614 };
        assert_eq!(keys(&[key]), "\\u{1b}[2Jxxxxxxxxxxxxxxx… 61 %");
    }
}
