use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::*;
use crate::TimestampType;
use crate::data::{Map, SchemaAndValue};
use crate::options::{Given, Options};

fn preparation(options: &[(&str, &str)]) -> Preparation {
    let url = [("connection.url", "http://localhost:9200")];
    let given: BTreeMap<String, String> =
        url.iter().chain(options).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Preparation::new(ElasticsearchOptions::read(&Given::new(&given)).unwrap()).unwrap()
}

fn record(key: impl Into<Value>) -> Record {
    let origin = Origin {
        topic: "Orders".into(),
        partition: 3,
        offset: 41,
        timestamp_type: TimestampType::CreateTime,
    };
    let value = SchemaAndValue::schemaless(Map::new().with("n", 1).with("at", "noon"));
    let record = Record::new("Orders".into(), value).key(SchemaAndValue::schemaless(key)).at(5);
    Record { origin: Some(origin), ..record }
}

fn tombstone(key: impl Into<Value>) -> Record {
    Record { value: SchemaAndValue::NULL, ..record(key) }
}

/// The lines of an operation, and whether it has a lane.
fn lines(options: &[(&str, &str)], record: &Record) -> (Vec<Json>, bool) {
    let mut out = Vec::new();
    match preparation(options).prepare(record, &mut out) {
        Prepared::Send(operation) => {
            assert_eq!(operation.lines, 0..out.len());
            let lines = std::str::from_utf8(&out).unwrap().lines();
            (lines.map(|line| serde_json::from_str(line).unwrap()).collect(), operation.lane.is_some())
        }
        settled => panic!("{settled:?}"),
    }
}

fn settled(options: &[(&str, &str)], record: &Record) -> Outcome {
    let mut out = b"before".to_vec();
    match preparation(options).prepare(record, &mut out) {
        Prepared::Settled(outcome) => {
            assert_eq!(out, b"before", "half an operation stays behind");
            outcome
        }
        sent => panic!("{sent:?}"),
    }
}

fn why(options: &[(&str, &str)], record: &Record) -> String {
    match settled(options, record) {
        Outcome::Reject { why } => why,
        other => panic!("{other:?}"),
    }
}

const DOCUMENT: fn() -> Json = || json!({"n": 1, "at": "noon"});
const STREAM: [(&str, &str); 2] = [("data.stream.type", "logs"), ("data.stream.dataset", "web")];

#[test]
fn a_keyed_document_has_the_offset_as_its_version_and_an_unkeyed_one_has_none() {
    let (keyed, laned) = lines(&[], &record("k\"1"));
    let action =
        json!({"index": {"_index": "orders", "_id": "k\"1", "version": 41, "version_type": "external"}});
    assert_eq!((keyed, laned), (vec![action, DOCUMENT()], false));
    assert_eq!(lines(&[], &record(7_i64)).0[0]["index"]["_id"], "7");
    let (unkeyed, laned) = lines(&[("key.ignore", "true")], &record(Value::Null));
    let action = json!({"index": {"_index": "orders", "_id": "Orders+3+41"}});
    assert_eq!((unkeyed, laned), (vec![action.clone(), DOCUMENT()], false));
    assert_eq!(lines(&[("topic.key.ignore", "a, Orders")], &record("k")).0[0], action);
}

#[test]
fn an_id_does_not_change_with_the_topic_that_a_transform_writes() {
    let routed = Record { topic: "orders-2026".into(), ..record(Value::Null) };
    let (lines, _) = lines(&[("key.ignore", "true")], &routed);
    assert_eq!(lines[0], json!({"index": {"_index": "orders-2026", "_id": "Orders+3+41"}}));
}

#[test]
fn upserts_keep_their_order_by_lane() {
    let upsert = [("write.method", "UPSERT")];
    let (update, laned) = lines(&upsert, &record("k"));
    let action = json!({"update": {"_index": "orders", "_id": "k", "retry_on_conflict": 5}});
    assert_eq!((update, laned), (vec![action, json!({"doc": DOCUMENT(), "doc_as_upsert": true})], true));
    let delete = [("write.method", "upsert"), ("behavior.on.null.values", "delete")];
    let (delete, laned) = lines(&delete, &tombstone("k"));
    assert_eq!((delete, laned), (vec![json!({"delete": {"_index": "orders", "_id": "k"}})], true));
}

#[test]
fn a_record_without_a_value_deletes_or_not() {
    let delete = [("behavior.on.null.values", "delete")];
    let action =
        json!({"delete": {"_index": "orders", "_id": "k", "version": 41, "version_type": "external"}});
    assert_eq!(lines(&delete, &tombstone("k")), (vec![action], false));
    assert_eq!(settled(&delete, &tombstone(Value::Null)), Outcome::Ok);
    assert_eq!(settled(&[("behavior.on.null.values", "ignore")], &tombstone("k")), Outcome::Ok);
    assert!(why(&[], &tombstone("k")).contains("behavior.on.null.values"));
}

#[test]
fn a_data_stream_is_only_added_to_and_has_a_time() {
    let (lines_, laned) = lines(&STREAM, &record("k"));
    let action = json!({"create": {"_index": "logs-web-orders", "_id": "k"}});
    assert_eq!((lines_, laned), (vec![action, json!({"@timestamp": 5, "n": 1, "at": "noon"})], false));
    let by_field = [STREAM[0], STREAM[1], ("data.stream.timestamp.field", "none, at")];
    assert_eq!(lines(&by_field, &record("k")).0[1]["@timestamp"], "noon");
    let timeless = Record { timestamp: None, ..record("k") };
    assert!(why(&STREAM, &timeless).contains("timestamp"));
    let named = [STREAM[0], STREAM[1], ("data.stream.namespace", "Prod")];
    assert_eq!(lines(&named, &record("k")).0[0]["create"]["_index"], "logs-web-prod");
}

#[test]
fn versions_come_from_a_header_where_one_is_named() {
    let options = [("external.version.header", "v")];
    let version = |record: &Record| lines(&options, record).0[0]["index"]["version"].clone();
    let with = |value: Value| record("k").header("v", SchemaAndValue::schemaless(value));
    assert_eq!(version(&with(Value::Int64(9))), 9);
    assert_eq!(version(&with(Value::string("12")).header("v", SchemaAndValue::string("13"))), 13);
    assert!(why(&options, &record("k")).contains("no header v"));
    assert!(why(&options, &with(Value::string("new"))).contains("no integer"));
}

#[test]
fn what_can_have_no_id_or_document_is_rejected_with_what_to_do_or_dropped() {
    assert!(why(&[], &record(Value::Null)).contains("key.ignore=true"));
    assert!(why(&[], &record("")).contains("empty"));
    assert!(why(&[], &record("x".repeat(513))).contains("513"));
    assert!(why(&[], &record(Map::new().with("id", 1))).contains("ExtractField"));
    let unread = Record { origin: None, ..record("k") };
    assert!(why(&[("key.ignore", "true")], &unread).contains("from no topic"));
    let text = Record { value: SchemaAndValue::string("text"), ..record("k") };
    assert!(why(&[], &text).contains("no JSON object"));
    assert_eq!(settled(&[("drop.invalid.message", "true")], &text), Outcome::Ok);
}

#[test]
fn resources_that_are_named_are_written_to_as_they_are() {
    let named = [
        ("external.resource.usage", "ALIAS_DATASTREAM"),
        ("topic.to.external.resource.mapping", "Orders:Sales,b:c"),
    ];
    assert_eq!(lines(&named, &record("k")).0[0], json!({"create": {"_index": "Sales", "_id": "k"}}));
    assert_eq!(preparation(&named).index_to_make(&record("k")), None);
    assert_eq!(preparation(&[]).index_to_make(&record("k")).as_deref(), Some("orders"));
    assert_eq!(preparation(&[]).index_to_make(&tombstone("k")), None);
    assert_eq!(preparation(&[("index.create", "false")]).index_to_make(&record("k")), None);
}

#[test]
fn ids_that_the_server_makes_up_are_left_out() {
    let auto = [("use.autogenerated.ids", "true")];
    assert_eq!(lines(&auto, &record(Value::Null)).0[0], json!({"index": {"_index": "orders"}}));
    let delete = [auto[0], ("behavior.on.null.values", "delete")];
    assert_eq!(lines(&delete, &tombstone("k")).0[0]["delete"]["_id"], "k");
}
