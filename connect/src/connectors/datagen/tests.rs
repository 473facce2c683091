use std::collections::BTreeMap;

use regex::Regex;

use super::*;
use crate::check::Severity;
use crate::options::{Given, Options};

fn options(pairs: &[(&str, &str)]) -> DatagenOptions {
    let pairs = [("topic", "t")].iter().chain(pairs);
    let given: BTreeMap<String, String> =
        pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    DatagenOptions::read(&Given::new(&given)).unwrap()
}

fn context(task: usize, tasks: usize) -> SourceContext {
    SourceContext { task, tasks, ..SourceContext::default() }
}

/// The beginning of a year.
const START: &str = "1767225600000";

/// All that a task makes, and where each of its batches ends.
async fn run(options: DatagenOptions, context: &SourceContext) -> (Vec<Record>, Vec<SourceBatch>) {
    let mut task = DatagenTask::new(options, context);
    let (mut all, mut batches) = (Vec::new(), Vec::new());
    while let Some(mut batch) = task.poll().await.unwrap() {
        all.append(&mut batch.records);
        batches.push(batch);
    }
    (all, batches)
}

#[tokio::test]
async fn the_same_seed_makes_the_same_records_wherever_a_task_goes_on() {
    for template in ["weblog", "orders", "metrics"] {
        let pairs = [
            ("template", template),
            ("count", "500"),
            ("batch.size", "37"),
            ("late.share", "0.1"),
            ("seed", "9"),
            ("start.time", START),
        ];
        let (all, batches) = run(options(&pairs), &context(0, 1)).await;
        assert_eq!(all.len(), 500);
        for (nth, batch) in batches.iter().enumerate() {
            let known = SourceContext { positions: batch.positions.clone(), ..context(0, 1) };
            let (rest, _) = run(options(&pairs), &known).await;
            assert_eq!(rest, all[(37 * (nth + 1)).min(500)..], "{template} from batch {nth}");
        }
        let (other, _) = run(options(&[("template", template), ("count", "500")]), &context(0, 1)).await;
        assert_ne!(other, all);

        let mut dealt = Vec::new();
        for task in 0..3 {
            dealt.extend(run(options(&pairs), &context(task, 3)).await.0);
        }
        let texts = |records: &[Record]| {
            let mut texts: Vec<String> = records.iter().map(|record| format!("{record:?}")).collect();
            texts.sort();
            texts
        };
        assert_eq!(texts(&dealt), texts(&all), "three tasks make what one makes");
    }
}

#[tokio::test]
async fn a_web_log_has_the_late_lines_hot_paths_and_bursts_that_were_asked_for() {
    let pairs = [
        ("count", "20000"),
        ("events.per.second", "100"),
        ("late.share", "0.05"),
        ("late.max.ms", "60s"),
        ("hot.share", "0.6"),
        ("error.share", "0.01"),
        ("burst.every.ms", "100s"),
        ("burst.length.ms", "10s"),
        ("burst.error.share", "0.5"),
        ("start.time", START),
    ];
    let (all, _) = run(options(&pairs), &context(0, 1)).await;
    let combined = Regex::new(
        r#"^[\d.]+ - - \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "(?:GET|POST) (/\w+/\d+) HTTP/1.1" (\d{3}) \d+ "[^"]*" "[^"]*"$"#,
    )
    .unwrap();
    let (mut late, mut hot, mut in_burst, mut in_calm, mut bytes) = (0, 0, (0, 0), (0, 0), 0);
    let start = START.parse::<i64>().unwrap();
    for (number, record) in all.iter().enumerate() {
        let line = record.value.value.as_str().unwrap();
        let parts = combined.captures(line).unwrap_or_else(|| panic!("{line:?} is not in combined format"));
        let due = start + number as i64 * 10;
        let timestamp = record.timestamp.unwrap();
        let written = chrono::DateTime::parse_from_str(&parts[1], "%d/%b/%Y:%H:%M:%S %z").unwrap();
        assert_eq!(written.timestamp(), timestamp.div_euclid(1_000), "{line}");
        assert!((0..=60_000).contains(&(due - timestamp)));
        late += usize::from(timestamp < due);
        hot += usize::from(&parts[2] == "/checkout/0");
        let of = if (due - start) % 100_000 < 10_000 { &mut in_burst } else { &mut in_calm };
        of.0 += usize::from(parts[3].starts_with('5'));
        of.1 += 1;
        assert_eq!(record.key.value.as_str(), Some(&parts[2]));
        bytes += line.len();
    }
    let share = |part: usize, of: usize| part as f64 / of as f64;
    assert!((0.045..0.055).contains(&share(late, all.len())), "{late} are late");
    assert!((0.59..0.63).contains(&share(hot, all.len())), "{hot} are hot");
    assert!((0.45..0.55).contains(&share(in_burst.0, in_burst.1)), "{in_burst:?}");
    assert!((0.005..0.015).contains(&share(in_calm.0, in_calm.1)), "{in_calm:?}");
    assert!((150..300).contains(&(bytes / all.len())), "{} bytes a line", bytes / all.len());
}

#[tokio::test]
async fn now_is_the_time_of_the_first_start() {
    let pairs = [("count", "10"), ("batch.size", "5"), ("start.time", "now")];
    let before = Utc::now().timestamp_millis();
    let (all, batches) = run(options(&pairs), &context(0, 1)).await;
    assert!(all[0].timestamp >= Some(before));
    let known = SourceContext { positions: batches[0].positions.clone(), ..context(0, 1) };
    assert_eq!(run(options(&pairs), &known).await.0, all[5..]);
}

#[tokio::test]
async fn another_number_of_tasks_goes_on_where_those_before_were() {
    const RECORDS: usize = 3_000;
    let count = RECORDS.to_string();
    let mut random = super::random::Draw::of(seed(), 0);
    let mut positions = BTreeMap::new();
    let mut made = Vec::new();
    while made.len() < RECORDS {
        let tasks = 1 + random.below(5) as usize;
        let batch_size = (1 + random.below(20)).to_string();
        let pairs =
            [("template", "orders"), ("count", &count), ("batch.size", &batch_size), ("start.time", START)];
        let known: Vec<_> = positions.values().cloned().collect();
        for task in 0..tasks {
            let context = SourceContext { positions: known.clone(), ..context(task, tasks) };
            let mut task = DatagenTask::new(options(&pairs), &context);
            for _ in 0..random.below(30) {
                let Some(batch) = task.poll().await.unwrap() else { break };
                made.extend(batch.records.iter().map(|record| format!("{:?}", record.value)));
                positions.extend(
                    batch.positions.into_iter().map(|position| (format!("{:?}", position.0), position)),
                );
            }
        }
    }
    let pairs = [("template", "orders"), ("count", &count), ("start.time", START)];
    let (all, _) = run(options(&pairs), &context(0, 1)).await;
    let mut all: Vec<String> = all.iter().map(|record| format!("{:?}", record.value)).collect();
    all.sort();
    made.sort();
    assert!(made == all, "seed {}: {} made, {} are different", seed(), made.len(), all.len());
}

/// Another one each second.
fn seed() -> u64 {
    static SEED: std::sync::LazyLock<u64> =
        std::sync::LazyLock::new(|| Utc::now().timestamp().unsigned_abs());
    *SEED
}

#[tokio::test]
async fn a_rate_is_kept() {
    let mut task = DatagenTask::new(options(&[("rate", "1000"), ("count", "300")]), &context(0, 1));
    let started = Instant::now();
    let mut made = 0;
    while let Some(batch) = task.poll().await.unwrap() {
        made += batch.records.len() as u128;
        assert!(made <= started.elapsed().as_millis() + 1, "{made} after {:?}", started.elapsed());
    }
    assert_eq!(made, 300);
}

#[tokio::test]
async fn doctor_warns_of_records_that_retention_deletes() {
    let said = async |start: &str| Datagen::check(&options(&[("start.time", start)])).await[0].clone();
    let old = said("2001-01-01T00:00:00Z").await;
    assert!(old.severity == Severity::Warning && old.said.contains("start.time=now"), "{old:?}");
    assert_eq!(said("now").await.severity, Severity::Warning, "nothing limits them");
    for limit in [("rate", "500"), ("count", "10000"), ("events.per.second", "1000000")] {
        let is_ahead = limit.0 == "events.per.second";
        let said = Datagen::check(&options(&[("start.time", "now"), limit])).await[0].clone();
        assert_eq!(said.severity == Severity::Warning, is_ahead, "{limit:?}: {said:?}");
    }
    let recent = (Utc::now().timestamp_millis() - 1_000).to_string();
    assert_eq!(said(&recent).await.severity, Severity::Fine);
}
