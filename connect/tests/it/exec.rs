//! Programs of a shell as source and sink.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use millstream_connect::data::SchemaAndValue;
use millstream_connect::{Outcome, Record, TaskError, Written};
use serde_json::json;

use crate::open;

#[tokio::test]
async fn a_program_says_records_and_goes_on_where_it_was() -> Result<()> {
    let script = r#"
        echo "started at ${MILLSTREAM_POSITION:-nothing}" >&2
        echo '{"value": {"at": "'"$(echo $MILLSTREAM_POSITION | tr -dc 0-9)"'"}, "key": "k", "headers": {"h": 1}, "timestamp": 5}'
        echo 'no record'
        echo '{"value": null, "topic": "other", "partition": 3, "position": {"page": 7}}'
    "#;
    let options = [("command", script), ("topic", "t"), ("format", "records")];
    let mut task = open::source("exec-source", &options).await?;
    let (mut records, mut positions) = (Vec::new(), Vec::new());
    while let Some(batch) = task.poll().await? {
        records.extend(batch.records);
        positions.extend(batch.positions);
    }
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].value.value.to_json(), json!({"at": ""}));
    assert_eq!((records[0].key.value.as_str(), records[0].timestamp), (Some("k"), Some(5)));
    assert_eq!(records[0].headers, [("h".to_owned(), SchemaAndValue::schemaless(1_i64))]);
    assert_eq!(records[1].value.value.as_str(), Some("no record"));
    assert_eq!(records[1].headers[0].0, "exec.error");
    assert_eq!((&*records[2].topic, records[2].partition), ("other", Some(3)));
    assert!(records[2].value.value.is_null());
    assert_eq!(positions.last().context("no position")?.1["page"], json!(7));

    let mut task = open::source_at("exec-source", &options, positions).await?;
    let again = task.poll().await?.context("it ended")?;
    assert_eq!(again.records[0].value.value.to_json(), json!({"at": "7"}));
    Ok(())
}

#[tokio::test]
async fn a_program_that_fails_is_started_again_after_a_while() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let flag = dir.path().join("flag");
    let script = format!("echo line; [ -e {0} ] || {{ touch {0}; exit 3; }}", flag.display());
    let mut task = open::source("exec-source", &[("command", &script), ("topic", "t")]).await?;
    assert_eq!(task.poll().await?.context("it ended")?.records.len(), 1);
    match task.poll().await {
        Err(TaskError::Retry { after: Some(after), why }) => {
            assert!(!after.is_zero() && why.contains("exit status: 3"), "{after:?} {why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(task.poll().await?.context("it ended")?.records.len(), 1);
    assert!(task.poll().await?.is_none());
    Ok(())
}

fn records(values: &[&str]) -> Vec<Record> {
    values.iter().map(|value| Record::new("t".into(), SchemaAndValue::string(*value))).collect()
}

/// Answers for each record as its value says.
const OBEDIENT: &str = r#"
    while read -r line; do
        id=${line#*\"id\":}; id=${id%%[,\}]*}
        case $line in
            *again*) echo '{"id":'$id',"retry":"busy","after_ms":1500}' ;;
            *never*) echo '{"id":'$id',"reject":"unwanted"}' ;;
            *die*) exit 9 ;;
            *) echo '{"id":'$id'}' ;;
        esac
    done
"#;

#[tokio::test]
async fn a_program_answers_for_each_record() -> Result<()> {
    let mut task = open::sink("exec-sink", &[("command", OBEDIENT)]).await?;
    for _ in 0..3 {
        let written = task.write(&records(&["fine", "again", "never", "fine"])).await?;
        let retry =
            Outcome::Retry { after: Some(std::time::Duration::from_millis(1_500)), why: "busy".to_owned() };
        let reject = Outcome::Reject { why: "unwanted".to_owned() };
        assert_eq!(written, Written::Each(vec![Outcome::Ok, retry, reject, Outcome::Ok]));
    }
    Ok(())
}

#[tokio::test]
async fn what_a_dead_or_silent_program_did_not_answer_for_comes_again() -> Result<()> {
    let mut task = open::sink("exec-sink", &[("command", OBEDIENT)]).await?;
    let Written::Each(outcomes) = task.write(&records(&["fine", "die", "fine"])).await? else {
        panic!("no answers")
    };
    assert_eq!(outcomes[0], Outcome::Ok);
    for outcome in &outcomes[1..] {
        assert!(
            matches!(outcome, Outcome::Retry { after: Some(_), why } if why.contains("exit status: 9")),
            "{outcome:?}"
        );
    }
    assert_eq!(task.write(&records(&["fine"])).await?, Written::Each(vec![Outcome::Ok]));

    let mut task = open::sink("exec-sink", &[("command", "sleep 600"), ("answer.timeout.ms", "50")]).await?;
    let Written::Each(outcomes) = task.write(&records(&["fine"])).await? else { panic!("no answers") };
    assert!(matches!(&outcomes[0], Outcome::Retry { why, .. } if why.contains("in time")), "{outcomes:?}");
    Ok(())
}

#[tokio::test]
async fn more_than_a_pipe_holds_goes_both_ways() -> Result<()> {
    let mut task = open::sink("exec-sink", &[("command", OBEDIENT)]).await?;
    let long = "x".repeat(2_000);
    let many: Vec<&str> = (0..500).map(|_| long.as_str()).collect();
    assert_eq!(task.write(&records(&many)).await?, Written::Each(vec![Outcome::Ok; 500]));
    Ok(())
}

#[tokio::test]
async fn a_program_is_killed_with_its_task() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let pid = dir.path().join("pid");
    let script = format!("echo $$ > {}; echo up; exec sleep 600", pid.display());
    let mut task = open::source("exec-source", &[("command", &script), ("topic", "t")]).await?;
    task.poll().await?.context("it ended")?;
    let pid: u32 = fs::read_to_string(&pid)?.trim().parse()?;
    drop(task);
    assert!(!fs::exists(format!("/proc/{pid}"))?, "{pid} is running");
    Ok(())
}

/// What a program has started ends with it, and so does what it left behind when it closed its output.
#[tokio::test]
async fn no_process_outlives_its_program() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let pid = dir.path().join("pid");
    let script = format!("trap '' TERM; sleep 1000 & echo $! > {}; echo up; wait", pid.display());
    let mut task = open::source("exec-source", &[("command", &script), ("topic", "t")]).await?;
    assert_eq!(task.poll().await?.context("it ended")?.records.len(), 1);
    drop(task);
    await_end(&pid).await?;

    let script = format!("exec >&-; sleep 1000 & echo $! > {}; wait", pid.display());
    let mut task = open::source("exec-source", &[("command", &script), ("topic", "t")]).await?;
    let why = task.poll().await.unwrap_err().to_string();
    assert!(why.contains("closed its standard output"), "{why}");
    await_end(&pid).await
}

/// Waits until the process whose number is in a file is there no more, or is a corpse that nobody asks about.
async fn await_end(pid: &Path) -> Result<()> {
    let stat = format!("/proc/{}/stat", fs::read_to_string(pid)?.trim());
    for _ in 0..500 {
        if fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("{stat} is there still")
}
