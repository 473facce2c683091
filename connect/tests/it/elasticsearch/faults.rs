use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use millstream_client::TopicPartition;
use millstream_connect::data::{Map, Schema, SchemaAndValue, Struct, Value};
use millstream_connect::{Assigned, ConnectError, Outcome, Record, SinkTask, TaskError, Written};
use serde_json::json;
use uuid::Uuid;

use super::fault_server::{Fault, FaultServer};
use super::{all_ok, number, record, schemaless, write};
use crate::open;

/// One of each, twice over.
const FAULTS: [Fault; 8] = [
    Fault::Status(429, Some(0)),
    Fault::Items(3, 429),
    Fault::CutBefore,
    Fault::Status(503, None),
    Fault::CutAfter,
    Fault::Forgetful,
    Fault::Hang,
    Fault::Slow(Duration::from_millis(100)),
];
const QUICK: [(&str, &str); 4] = [
    ("read.timeout.ms", "500"),
    ("retry.backoff.ms", "1"),
    ("batch.size", "10"),
    ("max.in.flight.requests", "3"),
];

async fn sink(server: &FaultServer, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let url = server.url();
    let all = [&[("connection.url", &*url)], &QUICK[..], options].concat();
    open::sink("elasticsearch", &all).await
}

/// 300 records over 40 keys.
fn keyed(topic: &str) -> Vec<Record> {
    (0..300).map(|n| record(topic, n, schemaless(format!("k{}", n % 40)), number(n))).collect()
}

#[tokio::test]
async fn whatever_goes_wrong_the_newest_of_each_key_is_there_once() -> Result<()> {
    let server = FaultServer::start(&[FAULTS, FAULTS].concat()).await?;
    let mut sink = sink(&server, &[]).await?;
    all_ok(&write(&mut *sink, &keyed("orders")).await?);
    server.state(|state| {
        assert_eq!(state.documents.len(), 40);
        for ((_, id), document) in &state.documents {
            let n = document.version;
            assert!(
                n >= 260 && format!("k{}", n % 40) == *id && document.source == json!({ "n": n }),
                "{id}"
            );
        }
        assert!(state.requests.iter().all(|records| *records <= 10), "{:?}", state.requests);
        assert!(state.requests.len() > 30 + 8, "faults cost requests: {:?}", state.requests);
    });
    Ok(())
}

#[tokio::test]
async fn whatever_goes_wrong_each_unkeyed_record_is_there_once() -> Result<()> {
    let server = FaultServer::start(&[FAULTS, FAULTS].concat()).await?;
    let mut sink = sink(&server, &[("key.ignore", "true")]).await?;
    all_ok(&write(&mut *sink, &keyed("orders")).await?);
    all_ok(&write(&mut *sink, &keyed("orders")).await?);
    server.state(|state| {
        assert_eq!(state.documents.len(), 300, "a replay doubles nothing");
        for ((index, id), document) in &state.documents {
            let n = document.source["n"].as_i64().unwrap_or(-1);
            assert_eq!((&**index, &**id), ("orders", &*format!("orders+0+{n}")));
        }
        assert!(state.rewrites >= 300);
    });
    Ok(())
}

#[tokio::test]
async fn whatever_goes_wrong_upserts_of_a_key_are_applied_in_order() -> Result<()> {
    let server = FaultServer::start(&[FAULTS, FAULTS, FAULTS].concat()).await?;
    let mut sink = sink(&server, &[("write.method", "upsert")]).await?;
    // Each record sets the newest and a field of its own: the one shows the order, the others what was lost.
    let value = |n: i64| schemaless(Map::new().with("newest", n).with(format!("f{n}"), n));
    let records: Vec<Record> =
        (0..300).map(|n| record("orders", n, schemaless(format!("k{}", n % 40)), value(n))).collect();
    all_ok(&write(&mut *sink, &records).await?);
    server.state(|state| {
        for n in 0..300 {
            let document = &state.documents[&("orders".to_owned(), format!("k{}", n % 40))];
            assert_eq!(document.source[format!("f{n}")], n, "lost");
            assert!(document.source["newest"].as_i64() >= Some(260), "out of order: {}", document.source);
        }
    });
    Ok(())
}

#[tokio::test]
async fn the_bad_document_is_rejected_and_no_other() -> Result<()> {
    let bad = || record("orders", 7, schemaless("bad"), schemaless(Map::new().with("reject", true)));
    let server = FaultServer::start(&[Fault::CutAfter]).await?;
    let records: Vec<Record> = keyed("orders").into_iter().take(20).chain([bad()]).collect();
    let mut strict = sink(&server, &[]).await?;
    let outcomes = write(&mut *strict, &records).await?;
    all_ok(&outcomes[..20]);
    assert_eq!(outcomes[20], Outcome::Reject { why: "of_the_test: 400 it is".into() });
    for behaviour in ["ignore", "warn"] {
        let mut lax = sink(&server, &[("behavior.on.malformed.documents", behaviour)]).await?;
        assert_eq!(lax.write(&[bad()]).await?, Written::All);
    }
    Ok(())
}

#[tokio::test]
async fn what_became_of_each_is_asked_only_where_and_after_something_went_wrong() -> Result<()> {
    let server = FaultServer::start(&[]).await?;
    let mut sink = sink(&server, &[("max.in.flight.requests", "1")]).await?;
    all_ok(&write(&mut *sink, &keyed("orders")).await?);
    let asked = |server: &FaultServer| server.state(|state| (state.requests.len(), state.brief));
    assert_eq!(asked(&server), (30, 30));
    let bad = record("orders", 300, schemaless("bad"), schemaless(Map::new().with("reject", true)));
    let outcomes = write(&mut *sink, &[bad]).await?;
    assert!(matches!(outcomes[..], [Outcome::Reject { .. }]), "{outcomes:?}");
    assert_eq!(asked(&server), (32, 31), "it is sent again to hear what is wrong");
    let more: Vec<Record> = (301..501).map(|n| record("orders", n, schemaless("k"), number(n))).collect();
    all_ok(&write(&mut *sink, &more).await?);
    assert_eq!(asked(&server), (52, 35), "sixteen are asked in full");
    Ok(())
}

#[tokio::test]
async fn what_would_be_doubled_is_never_done_again_to_hear_what_went_wrong() -> Result<()> {
    let server = FaultServer::start(&[]).await?;
    let auto = [("key.ignore", "true"), ("use.autogenerated.ids", "true")];
    let mut sink = sink(&server, &auto).await?;
    let bad = record("orders", 9, schemaless("bad"), schemaless(Map::new().with("reject", true)));
    let records: Vec<Record> = keyed("orders").into_iter().take(9).chain([bad]).collect();
    let outcomes = write(&mut *sink, &records).await?;
    all_ok(&outcomes[..9]);
    assert!(matches!(outcomes[9], Outcome::Reject { .. }), "{outcomes:?}");
    server.state(|state| assert_eq!((state.documents.len(), state.brief), (9, 0)));
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_too_large_is_divided() -> Result<()> {
    let server = FaultServer::start(&[Fault::TooLarge(400)]).await?;
    let mut sink = sink(&server, &[]).await?;
    let long = record("orders", 300, schemaless("long"), schemaless(Map::new().with("x", "x".repeat(500))));
    let records: Vec<Record> = keyed("orders").into_iter().take(25).chain([long]).collect();
    let outcomes = write(&mut *sink, &records).await?;
    all_ok(&outcomes[..25]);
    assert!(matches!(&outcomes[25], Outcome::Reject { why } if why.contains("413")), "{:?}", outcomes[25]);
    server.state(|state| assert_eq!(state.documents.len(), 25));
    Ok(())
}

#[tokio::test]
async fn a_server_that_stays_busy_is_left_to_the_runtime_with_what_it_asked_for() -> Result<()> {
    let server = FaultServer::start(&[Fault::Status(429, Some(120)); 3]).await?;
    let mut sink = sink(&server, &[("max.retries", "3"), ("flush.timeout.ms", "1000")]).await?;
    let begun = Instant::now();
    let error = sink.write(&[record("a", 0, schemaless("k"), number(1))]).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(60), "two minutes are beyond flush.timeout.ms");
    let TaskError::Retry { after, why } = &error else { panic!("{error:?}") };
    assert_eq!((*after, &**why), (Some(Duration::from_secs(120)), "status 429: too busy"));
    Ok(())
}

#[tokio::test]
async fn no_document_is_to_blame_for_a_server_that_takes_none() -> Result<()> {
    let away = [Fault::Status(503, None), Fault::CutBefore, Fault::Items(1, 429), Fault::Items(1, 503)];
    for fault in away {
        let server = FaultServer::start(&[fault; 2]).await?;
        let mut sink = sink(&server, &[("max.retries", "1"), ("key.ignore", "true")]).await?;
        let records = [record("a", 0, schemaless("k"), number(1))];
        let error = sink.write(&records).await.unwrap_err();
        assert!(matches!(error, TaskError::Retry { .. }), "{fault:?}: {error:?}");
        all_ok(&write(&mut *sink, &records).await?);
        server.state(|state| assert_eq!(state.documents.len(), 1, "{fault:?}"));
    }
    Ok(())
}

#[tokio::test]
async fn a_document_that_fails_while_others_are_taken_is_tried_for_itself() -> Result<()> {
    let server = FaultServer::start(&[Fault::Items(2, 503); 2]).await?;
    let mut sink = sink(&server, &[("max.retries", "1"), ("key.ignore", "true")]).await?;
    let records: Vec<Record> = (0..4).map(|n| record("a", n, schemaless("k"), number(n))).collect();
    let Written::Each(outcomes) = sink.write(&records).await? else { panic!("taken") };
    let again = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Retry { .. })).count();
    let taken = outcomes.iter().filter(|outcome| **outcome == Outcome::Ok).count();
    assert!(again > 0 && taken > 0 && again + taken == 4, "{outcomes:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_under_way_comes_again_and_is_sent_once() -> Result<()> {
    let server = FaultServer::start(&[Fault::Slow(Duration::from_secs(3))]).await?;
    let mut sink = sink(&server, &[("key.ignore", "true"), ("read.timeout.ms", "600000")]).await?;
    let records = keyed("orders");
    let Written::Each(outcomes) = sink.write(&records[..30]).await? else { panic!("one of three is slow") };
    let (untried, told): (Vec<_>, Vec<_>) =
        records.iter().zip(outcomes).partition(|(_, outcome)| *outcome == Outcome::Untried);
    assert!(untried.len() >= 10 && told.len() >= 10, "{} are under way", untried.len());
    assert!(told.iter().all(|(_, outcome)| *outcome == Outcome::Ok));
    let left: Vec<Record> =
        untried.into_iter().map(|(record, _)| record).chain(&records[30..40]).cloned().collect();
    all_ok(&write(&mut *sink, &left).await?);
    server.state(|state| assert_eq!(state.requests, [10; 4]));
    Ok(())
}

#[tokio::test]
async fn what_is_under_way_of_a_topic_says_nothing_of_the_next_one_of_its_name() -> Result<()> {
    let server = FaultServer::start(&[Fault::Slow(Duration::from_millis(500))]).await?;
    let mut sink = sink(&server, &[("key.ignore", "true"), ("read.timeout.ms", "600000")]).await?;
    let old = keyed("orders");
    let Written::Each(_) = sink.write(&old[..30]).await? else { panic!("one of three is slow") };
    let partition = TopicPartition::new("orders", 0);
    let now = Assigned { partition, topic_id: Uuid::from_u128(2) };
    sink.assigned(&[now]).await?;
    let new: Vec<Record> = (0..30).map(|n| record("orders", n, schemaless("k"), number(1_000 + n))).collect();
    all_ok(&write(&mut *sink, &new).await?);
    let sent = server.state(|state| state.requests.len());
    assert!(sent >= 6, "the new records were taken for the old: {sent} requests");
    Ok(())
}

#[tokio::test]
async fn a_write_that_is_dropped_is_harmless_when_it_comes_again() -> Result<()> {
    let server = FaultServer::start(&[Fault::Hang; 3]).await?;
    let mut sink = sink(&server, &[("read.timeout.ms", "600000")]).await?;
    let records = keyed("orders");
    let dropped = tokio::time::timeout(Duration::from_millis(200), sink.write(&records[..30])).await;
    assert!(dropped.is_err(), "three requests hang");
    server.state(|state| assert_eq!(state.documents.len(), 30, "and yet are done"));
    all_ok(&write(&mut *sink, &records).await?);
    server.state(|state| assert!(state.documents.values().all(|document| document.version >= 260)));
    Ok(())
}

#[tokio::test]
async fn the_next_node_is_asked_where_one_is_down() -> Result<()> {
    let server = FaultServer::start(&[]).await?;
    let nobody = millstream_tests::daemon::free_address()?;
    let urls = format!("http://{nobody}, {}", server.url());
    let options = [("connection.url", &*urls), ("retry.backoff.ms", "1")];
    let mut sink = open::sink("elasticsearch", &options).await?;
    all_ok(&write(&mut *sink, &keyed("orders")).await?);
    server.state(|state| assert_eq!(state.documents.len(), 40));
    Ok(())
}

#[tokio::test]
async fn who_asks_is_said_and_bodies_are_compressed_on_demand() -> Result<()> {
    let server = FaultServer::start(&[]).await?;
    let user = [
        ("connection.username", "ann"),
        ("connection.password", "s3cret"),
        ("connection.compression", "true"),
    ];
    for options in [&user[..], &[("connection.api.key", "a2V5")]] {
        let mut sink = sink(&server, options).await?;
        all_ok(&write(&mut *sink, &keyed("orders")).await?);
    }
    let said = server.state(|state| state.authorizations.iter().cloned().collect::<Vec<_>>());
    assert_eq!(said, ["ApiKey a2V5", "Basic YW5uOnMzY3JldA=="]);
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_who_asks_ends_the_task_with_what_to_do() -> Result<()> {
    let server = FaultServer::start(&[Fault::Status(401, None)]).await?;
    let mut sink = sink(&server, &[]).await?;
    let error = sink.write(&keyed("orders")).await.unwrap_err();
    let TaskError::Fatal { why } = &error else { panic!("{error:?}") };
    assert!(why.contains("401") && why.contains("connection.username"), "{why}");
    Ok(())
}

#[tokio::test]
async fn an_index_is_made_once_with_the_mapping_of_its_schema_and_a_template_is_put() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("template.json");
    std::fs::write(&file, r#"{"index_patterns": ["orders*"]}"#)?;
    let server = FaultServer::start(&[]).await?;
    let schema = Schema::structure().field("n", Schema::int64()).build()?;
    let structure =
        SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema)?.with("n", 1_i64)?));
    let options = [("index.template.file", file.to_str().unwrap()), ("index.name", "${topic}-${time:%Y}")];
    for _ in 0..2 {
        let mut sink = sink(&server, &options).await?;
        let both = [
            record("orders", 0, schemaless("k"), structure.clone()),
            record("logs", 0, schemaless("k"), number(1)),
        ];
        all_ok(&write(&mut *sink, &both).await?);
    }
    server.state(|state| {
        let expected = [
            ("_index_template/elasticsearch", json!({"index_patterns": ["orders*"]})),
            ("orders-2026", json!({"mappings": {"properties": {"n": {"type": "long"}}}})),
            ("logs-2026", json!({})),
        ];
        assert_eq!(state.puts, expected.map(|(name, body)| (name.to_owned(), body)));
    });
    Ok(())
}

#[tokio::test]
async fn doctor_says_what_is_there_and_what_is_wrong() -> Result<()> {
    let server = FaultServer::start(&[]).await?;
    let nobody = format!("http://{}", millstream_tests::daemon::free_address()?);
    for (url, said) in [(&server.url(), "faulty 0.1"), (&nobody, "cannot be reached")] {
        let findings = open::check("elasticsearch", &[("connection.url", url)]).await?;
        assert!(findings.iter().any(|finding| finding.said.contains(said)), "{findings:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_when_its_template_is_put_is_waited_for_and_a_template_that_is_none_is_not()
-> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("template.json");
    // Whoever listened there is gone.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let options = [
        ("connection.url", &*format!("http://{address}")),
        ("index.template.file", &*file.display().to_string()),
    ];
    for (template, is_waited_for) in [("{}", true), ("none", false)] {
        std::fs::write(&file, template)?;
        let Err(error) = open::sink("elasticsearch", &options).await else { bail!("it is open") };
        let is_away = matches!(error.downcast_ref(), Some(ConnectError::Away(_)));
        assert_eq!(is_away, is_waited_for, "{error:?}");
    }
    Ok(())
}
