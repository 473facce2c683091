//! From a topic to the server, through the runtime, which is killed again and again.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::fault_server::{Fault, FaultServer};
use crate::runtime::broker::{committed, contents, topic_of, unique};
use crate::runtime::worker::{OneTask, eventually, position_file};

/// Nothing that the server does passes quickly, so that each kill finds something under way.
const FAULTS: [Fault; 6] = [
    Fault::Slow(Duration::from_millis(100)),
    Fault::Items(3, 429),
    Fault::CutAfter,
    Fault::Slow(Duration::from_millis(100)),
    Fault::Forgetful,
    Fault::Status(503, None),
];

#[tokio::test]
async fn each_record_is_a_document_once_whatever_is_killed() -> Result<()> {
    let server = FaultServer::start(&[FAULTS; 40].concat()).await?;
    let values = (0..2_000).map(|n| if n == 77 { "77".to_owned() } else { format!("{{\"n\": {n}}}") });
    let topic = topic_of("documents", 3, values).await;
    let (name, url) = (unique("search"), server.url());
    let config = [
        ("connector.class", "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"),
        ("topics", &*topic),
        ("connection.url", &*url),
        ("type.name", "kafka-connect"),
        ("key.ignore", "true"),
        ("batch.size", "20"),
        ("retry.backoff.ms", "5"),
        ("sink.batch.records", "100"),
        ("errors.retry.delay.max.ms", "50"),
        ("consumer.override.session.timeout.ms", "1000"),
        ("consumer.override.heartbeat.interval.ms", "300"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter.schemas.enable", "false"),
    ];
    let dir = tempfile::tempdir()?;
    for kill in 1..=4 {
        let task = OneTask::start(&name, &config, position_file(&dir)).await;
        let before = server.state(|state| state.documents.len());
        eventually("documents", async || server.state(|state| state.documents.len()) >= before + 100 * kill)
            .await;
        task.kill();
    }
    assert!(committed(&format!("connect-{name}")).await < 2_000, "the kills came too late");
    let task = OneTask::start(&name, &config, position_file(&dir)).await;
    eventually("the commit", async || committed(&format!("connect-{name}")).await == 2_000).await;
    task.runner.close().await;
    server.state(|state| {
        assert_eq!(state.documents.len(), 1_999, "all but the number that is no document");
        for (at, document) in (0..2_000).filter(|n| *n != 77).map(|n| (n, json!({ "n": n }))) {
            let id = format!("{topic}+{}+{}", at % 3, at / 3);
            assert_eq!(state.documents[&(topic.clone(), id)].source, document);
        }
        assert!(state.rewrites > 0, "nothing was written twice: this test proves nothing");
    });
    let letters = contents(&format!("{name}.dlq")).await;
    assert!(
        !letters.is_empty() && letters.iter().all(|letter| letter.value.as_deref() == Some("77")),
        "{letters:?}"
    );
    Ok(())
}
