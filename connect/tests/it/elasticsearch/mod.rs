//! The search sink: on a server that misbehaves, and on the real thing.

mod fault_server;
mod faults;
mod json;
mod kills;
mod real;

use anyhow::{Result, bail};
use millstream_connect::data::{Map, SchemaAndValue, Value};
use millstream_connect::{Origin, Outcome, Record, SinkTask, TaskError, TimestampType, Written};

/// How often what is to be written again is, before a test gives up.
const WRITES_MAX: usize = 200;

/// The record at an offset of partition 0, as one that was read.
fn record(
    topic: &str,
    offset: i64,
    key: impl Into<SchemaAndValue>,
    value: impl Into<SchemaAndValue>,
) -> Record {
    let origin =
        Origin { topic: topic.into(), partition: 0, offset, timestamp_type: TimestampType::CreateTime };
    // Noon of 2026-11-22 and as many seconds as the offset.
    let record = Record::new(topic.into(), value).key(key).at(1_795_348_800_000 + offset * 1000);
    Record { origin: Some(origin), ..record }
}

fn schemaless(value: impl Into<Value>) -> SchemaAndValue {
    SchemaAndValue::schemaless(value)
}

/// A document of one field.
fn number(n: i64) -> SchemaAndValue {
    schemaless(Map::new().with("n", n))
}

/// Writes as the runtime does: what is to be written again is, in order and without what follows. Returns what became of each.
async fn write(task: &mut dyn SinkTask, records: &[Record]) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Ok; records.len()];
    let mut left: Vec<usize> = (0..records.len()).collect();
    for _ in 0..WRITES_MAX {
        let batch: Vec<Record> = left.iter().map(|&at| records[at].clone()).collect();
        let each = match task.write(&batch).await {
            Ok(Written::All) => vec![Outcome::Ok; batch.len()],
            Ok(Written::Each(each)) => each,
            Err(TaskError::Retry { after, why }) => vec![Outcome::Retry { after, why }; batch.len()],
            Err(error) => return Err(error.into()),
        };
        assert_eq!(each.len(), batch.len(), "an outcome for each record");
        let mut again = Vec::new();
        for (&at, outcome) in left.iter().zip(each) {
            match outcome {
                Outcome::Retry { .. } | Outcome::Untried => again.push(at),
                settled => outcomes[at] = settled,
            }
        }
        if again.is_empty() {
            return Ok(outcomes);
        }
        left = again;
    }
    bail!("{} records are not written after {WRITES_MAX} tries", left.len())
}

fn all_ok(outcomes: &[Outcome]) {
    let not: Vec<&Outcome> = outcomes.iter().filter(|outcome| **outcome != Outcome::Ok).collect();
    assert!(not.is_empty(), "{not:?}");
}
