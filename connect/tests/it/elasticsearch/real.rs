//! The same on OpenSearch itself (or, without Java, on its stand-in).

use std::sync::OnceLock;

use anyhow::{Context, Result};
use millstream_connect::data::{Map, Schema, SchemaAndValue, Struct, Value};
use millstream_connect::{Outcome, Record, SinkTask};
use millstream_tests::cluster::unique;
use millstream_tests::opensearch::OpenSearch;
use millstream_tests::skip::skip;
use serde_json::{Value as Json, json};

use super::{all_ok, number, record, schemaless, write};
use crate::open;

/// One for all tests: it takes seconds to start. Its queue is short, so that it is soon too busy.
fn node() -> Result<Option<&'static OpenSearch>> {
    static NODE: OnceLock<Result<Option<OpenSearch>, String>> = OnceLock::new();
    let start =
        || OpenSearch::start(&["thread_pool.write.queue_size=1"]).map_err(|error| format!("{error:#}"));
    match NODE.get_or_init(start) {
        Ok(node) => Ok(node.as_ref()),
        Err(error) => anyhow::bail!("{error}"),
    }
}

async fn sink(node: &OpenSearch, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let url = node.url("");
    let given = [("connection.url", &*url), ("retry.backoff.ms", "20"), ("max.retries", "20")];
    open::sink("elasticsearch", &[&given[..], options].concat()).await
}

/// All documents of an index, by id.
fn documents(node: &OpenSearch, index: &str) -> Result<Vec<(String, Json)>> {
    node.get(&format!("/{index}/_refresh"))?;
    let found = node.get(&format!("/{index}/_search?size=10000"))?;
    let hits = found.pointer("/hits/hits").and_then(Json::as_array).context("no hits")?;
    let document = |hit: &Json| (hit["_id"].as_str().unwrap_or_default().to_owned(), hit["_source"].clone());
    let mut documents: Vec<_> = hits.iter().map(document).collect();
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(documents)
}

#[tokio::test]
async fn keyed_documents_are_replaced_deleted_and_replayed() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let topic = unique("orders");
    let mut sink = sink(node, &[("behavior.on.null.values", "delete")]).await?;
    let mut records: Vec<Record> =
        (0..50).map(|n| record(&topic, n, schemaless(format!("k{}", n % 5)), number(n))).collect();
    records.push(record(&topic, 50, schemaless("k0"), SchemaAndValue::NULL));
    records.push(record(&topic, 51, schemaless("never"), SchemaAndValue::NULL));
    let expected: Vec<_> = (1..5).map(|k| (format!("k{k}"), json!({"n": 45 + k}))).collect();
    for round in 0..2 {
        all_ok(&write(&mut *sink, &records).await?);
        assert_eq!(documents(node, &topic)?, expected, "round {round}");
    }
    // A replay of a part, as after a crash before the commit.
    all_ok(&write(&mut *sink, &records[..20]).await?);
    assert_eq!(documents(node, &topic)?, expected);
    Ok(())
}

#[tokio::test]
async fn unkeyed_documents_are_there_once_and_the_bad_one_is_not() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let topic = unique("logs");
    let mut sink = sink(node, &[("key.ignore", "true"), ("batch.size", "30")]).await?;
    let mut records: Vec<Record> =
        (0..100).map(|n| record(&topic, n, SchemaAndValue::NULL, number(n))).collect();
    records
        .insert(40, record(&topic, 100, SchemaAndValue::NULL, schemaless(Map::new().with("n", "no number"))));
    for _ in 0..2 {
        let outcomes = write(&mut *sink, &records).await?;
        let Outcome::Reject { why } = &outcomes[40] else { panic!("{:?}", outcomes[40]) };
        assert!(why.contains("mapper_parsing_exception"), "{why}");
        all_ok(&outcomes[..40]);
        all_ok(&outcomes[41..]);
        assert_eq!(documents(node, &topic)?.len(), 100);
    }
    Ok(())
}

#[tokio::test]
async fn upserts_merge() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let topic = unique("merged");
    let mut sink = sink(node, &[("write.method", "upsert"), ("batch.size", "1")]).await?;
    let one = |n, name: &str| {
        record(&topic, n, schemaless("k"), schemaless(Map::new().with(name, n).with("last", n)))
    };
    all_ok(&write(&mut *sink, &[one(1, "a"), one(2, "b"), one(3, "a")]).await?);
    assert_eq!(documents(node, &topic)?, [("k".to_owned(), json!({"a": 3, "b": 2, "last": 3}))]);
    Ok(())
}

#[tokio::test]
async fn an_index_by_date_has_the_mapping_of_the_schema() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let topic = unique("typed");
    let schema = Schema::structure()
        .field("price", Schema::decimal(2).build()?)
        .field("day", Schema::date().build()?)
        .field("text", Schema::string())
        .build()?;
    let structure = Struct::new(schema.clone())?
        .with("price", Value::Decimal("12.50".parse()?))?
        .with("day", Value::Date(20_779))?
        .with("text", "words")?;
    let value = SchemaAndValue::new(schema, Value::Struct(structure));
    let mut sink = sink(node, &[("index.name", "${topic}-${time:%Y.%m.%d}")]).await?;
    // A day has 86,400 seconds.
    let both =
        [record(&topic, 0, schemaless("a"), value.clone()), record(&topic, 86_400, schemaless("b"), value)];
    all_ok(&write(&mut *sink, &both).await?);
    let document = json!({"price": 12.5, "day": "2026-11-22", "text": "words"});
    for (day, id) in [("22", "a"), ("23", "b")] {
        let index = format!("{topic}-2026.11.{day}");
        assert_eq!(documents(node, &index)?, [(id.to_owned(), document.clone())]);
        let mapping = node.get(&format!("/{index}/_mapping"))?;
        let fields = &mapping[&index]["mappings"]["properties"];
        let types = ["price", "day", "text"].map(|field| fields[field]["type"].clone());
        assert_eq!(types, ["double", "date", "text"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_data_stream_is_made_with_its_template_and_takes_each_record_once() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    if !node.is_real() {
        skip("opensearch", "the stand-in has no data streams (Debian package default-jdk-headless)");
        return Ok(());
    }
    let (topic, dataset) = (unique("web"), unique("made").replace('-', ""));
    let options = [("data.stream.type", "logs"), ("data.stream.dataset", &*dataset), ("key.ignore", "true")];
    let records: Vec<Record> = (0..20).map(|n| record(&topic, n, SchemaAndValue::NULL, number(n))).collect();
    for _ in 0..2 {
        let mut sink = sink(node, &options).await?;
        all_ok(&write(&mut *sink, &records).await?);
    }
    let stream = format!("logs-{dataset}-{topic}");
    let documents = documents(node, &stream)?;
    assert_eq!(documents.len(), 20);
    assert!(
        documents.contains(&(format!("{topic}+0+3"), json!({"@timestamp": 1_795_348_803_000_i64, "n": 3})))
    );
    assert_eq!(node.get(&format!("/_data_stream/{stream}"))?["data_streams"][0]["name"], *stream);
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_too_busy_gets_everything_in_the_end() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let topic = unique("flood");
    let options = [("key.ignore", "true"), ("batch.size", "20"), ("max.in.flight.requests", "30")];
    let mut sink = sink(node, &options).await?;
    let records: Vec<Record> =
        (0..5000).map(|n| record(&topic, n, SchemaAndValue::NULL, number(n))).collect();
    all_ok(&write(&mut *sink, &records).await?);
    assert_eq!(documents(node, &topic)?.len(), 5000);
    if node.is_real() {
        let stats = node.get("/_nodes/stats/thread_pool")?;
        let nodes = stats["nodes"].as_object().context("no nodes")?;
        let refused: u64 =
            nodes.values().filter_map(|one| one["thread_pool"]["write"]["rejected"].as_u64()).sum();
        assert!(refused > 0, "it was never too busy: this test proves nothing");
    }
    Ok(())
}

#[tokio::test]
async fn doctor_names_the_server() -> Result<()> {
    let Some(node) = node()? else { return Ok(()) };
    let findings = open::check("elasticsearch", &[("connection.url", &node.url(""))]).await?;
    assert!(findings[0].said.starts_with("opensearch "), "{findings:?}");
    Ok(())
}
