//! Whether JSON is kept as it was read or is read and written anew, the documents are the same.

use anyhow::Result;
use millstream_connect::herder::Worker;
use serde_json::{Value, json};

use super::fault_server::FaultServer;
use crate::runtime::broker::{committed, topic_of, unique};
use crate::runtime::worker::{OneTask, eventually, position_file};

/// What can be kept, and what cannot.
fn texts() -> Vec<String> {
    let deep = format!("{{\"deep\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let wide: Vec<String> = (0..100).map(|n| format!("\"field{n}\":{n}")).collect();
    let plain = [
        "{}",
        r#"{"n":1,"at":"noon","none":null,"yes":true,"list":[1,"a",{"b":[]}]}"#,
        r#"{"whole":1.0,"half":0.5,"minus":-2.0,"price":19.90,"long":9007199254740993,"least":-9223372036854775808}"#,
        r#"{"small":1e-7,"large":1.5E10,"most":9223372036854775807,"list":[1.0,2]}"#,
        r#"{"n":1,"m":{"n":1,"n":2},"n":3}"#,
        r#"{"\u00e4\"":"\ud834\udd1e \\ \/ \n \u0000","é":"naïve 𝄞"}"#,
        "{\"two\":\n\"lines\"}\r\n",
        "  {\t\"blanks\" : [ 1 , 2 ] }  ",
        r#"{"schema":{"type":"int64"},"payload":7}"#,
    ];
    plain.into_iter().map(str::to_owned).chain([deep, format!("{{{}}}", wide.join(","))]).collect()
}

/// The documents that a sink with these options makes of these values of a topic of one partition, in their order.
async fn documents(values: &[String], more: &[(&str, &str)]) -> Result<Vec<Value>> {
    let server = FaultServer::start(&[]).await?;
    let topic = topic_of("json", 1, values.iter().cloned()).await;
    let (name, url) = (unique("search"), server.url());
    let mut config = vec![
        ("connector.class", "elasticsearch"),
        ("topics", &*topic),
        ("connection.url", &*url),
        ("key.ignore", "true"),
        ("value.converter", "json"),
        ("value.converter.schemas.enable", "false"),
    ];
    config.extend(more);
    let task = OneTask::start(&name, &config, position_file(&tempfile::tempdir()?)).await;
    let count = i64::try_from(values.len())?;
    eventually("the commit", async || committed(&format!("connect-{name}")).await == count).await;
    assert_eq!(task.metrics().dead_letters, 0, "{more:?}");
    task.runner.stop(&task.id).await;
    let mut documents = server.state(|state| std::mem::take(&mut state.documents));
    let id = |offset: usize| format!("{topic}+0+{offset}");
    let index = documents.keys().next().map(|(index, _)| index.clone()).unwrap_or_default();
    let made = (0..values.len()).map(|offset| documents.remove(&(index.clone(), id(offset))).unwrap().source);
    Ok(made.collect())
}

/// As everybody reads them: of two fields with one name the last counts.
fn expected() -> Vec<Value> {
    texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn with(name: &str, value: &Value) -> Vec<Value> {
    let add = |mut document: Value| {
        document[name] = value.clone();
        document
    };
    expected().into_iter().map(add).collect()
}

#[tokio::test]
async fn documents_are_what_the_text_says() -> Result<()> {
    assert_eq!(documents(&texts(), &[]).await?, expected());
    assert_eq!(documents(&texts(), &[("write.method", "upsert")]).await?, expected());
    let is_dropped = [("drop.invalid.message", "true")];
    assert_eq!(documents(&texts(), &is_dropped).await?, expected());
    Ok(())
}

#[tokio::test]
async fn what_is_to_be_changed_is_not_kept() -> Result<()> {
    let transform = [
        ("transforms", "add"),
        ("transforms.add.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
        ("transforms.add.static.field", "added"),
        ("transforms.add.static.value", "by a transform"),
    ];
    assert_eq!(documents(&texts(), &transform).await?, with("added", &json!("by a transform")));
    let stream = [
        ("data.stream.type", "logs"),
        ("data.stream.dataset", "web"),
        ("data.stream.timestamp.field", "n,whole"),
    ];
    let documents_of = documents(&texts()[1..3], &stream).await?;
    let stamped = [with("@timestamp", &json!(1)).remove(1), with("@timestamp", &json!(1.0)).remove(2)];
    assert_eq!(documents_of, stamped);
    let pairs =
        documents(&[r#"{"map":{"a":1,"b":2}}"#.to_owned()], &[("compact.map.entries", "false")]).await?;
    let entry = |key: &str, value: i64| json!({"key": key, "value": value});
    assert_eq!(pairs, [json!({"map": [entry("a", 1), entry("b", 2)]})]);
    let inside: Vec<String> =
        texts().iter().map(|text| format!("{{\"schema\":null,\"payload\":{text}}}")).collect();
    assert_eq!(documents(&inside, &[("value.converter.schemas.enable", "true")]).await?, expected());
    Ok(())
}
