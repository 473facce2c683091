//! Positions that somebody sets, by the connector and the options that a user writes.

use millstream_connect::{Plugin, Registry, SourceOffset};
use serde_json::{Value, json};

use super::open::config;

/// What a source says to one position, where `stored` is what it has of the part.
fn set(class: &str, options: &[(&str, &str)], partition: &Value, offset: &Value) -> Result<(), String> {
    let registry = Registry::built_in();
    let Ok(Plugin::Source(source)) = registry.find(class) else { panic!("{class} is no source") };
    let map = |value: &Value| -> SourceOffset { value.as_object().unwrap().clone() };
    let one = (map(partition), offset.as_object().cloned());
    source.check_positions(&config(options), &[one], Vec::new()).map_err(|error| error.to_string())
}

/// Each is taken.
fn taken(class: &str, options: &[(&str, &str)], partition: &Value, offsets: &[Value]) {
    for offset in offsets {
        assert_eq!(set(class, options, partition, offset), Ok(()), "{class}: {partition} {offset}");
    }
}

/// Each is refused, in words that say what to write.
fn refused(class: &str, options: &[(&str, &str)], partition: &Value, offsets: &[Value], words: &str) {
    for offset in offsets {
        let why = set(class, options, partition, offset).unwrap_err();
        assert!(why.contains(words), "{class}: {partition} {offset}: {why}");
        assert_eq!(set(class, options, partition, &Value::Null), Ok(()), "what is deleted is not looked at");
    }
}

#[test]
fn a_file_source_takes_those_of_kafkas_connector_and_its_own() {
    let options = [("file", "/var/log/app.log"), ("topic", "t")];
    for class in ["file-source", "org.apache.kafka.connect.file.FileStreamSourceConnector"] {
        let file = json!({"filename": "/var/log/app.log"});
        taken(class, &options, &file, &[json!({"position": 0}), json!({"position": 12})]);
        refused(class, &options, &file, &[json!({}), json!({"offset": 1})], "contain the key 'position'");
        refused(class, &options, &json!({"path": "/a"}), &[json!({"position": 1})], "the key 'filename'");
        let own = json!({"device": 1, "inode": 2});
        refused(class, &options, &own, &[json!({"position": 1})], r#"{"filename": "/path/of/the/file"}"#);
    }
}

#[test]
fn datagen_takes_numbers_of_the_lane_that_is_named() {
    let options = [("template", "orders"), ("topic", "t")];
    let lane = |template, task: u64, tasks: u64| json!({"template": template, "task": task, "tasks": tasks});
    taken("datagen", &options, &lane("orders", 0, 1), &[json!({"next": 0}), json!({"next": 7, "start": 1})]);
    taken("datagen", &options, &lane("orders", 1, 3), &[json!({"next": 4})]);
    refused("datagen", &options, &lane("orders", 1, 3), &[json!({"next": 3})], "leaves 1");
    let wrong = [json!({}), json!({"next": -1}), json!({"next": "1"}), json!({"next": 1, "start": "now"})];
    refused("datagen", &options, &lane("orders", 0, 1), &wrong, "\"next\", the number");
    for wrong in [lane("weblog", 0, 1), lane("orders", 1, 1), json!({}), json!({"task": 0, "tasks": 1})] {
        refused("datagen", &options, &wrong, &[json!({"next": 0})], r#""template": "orders", "task": 0"#);
    }
}

#[test]
fn a_query_source_takes_what_its_mode_goes_on_from() {
    let url = ("connection.url", "postgres://127.0.0.1/none");
    let table = json!({"table": "orders"});
    let by = |mode: &'static str| -> Vec<(&'static str, &'static str)> {
        let columns = match mode {
            "incrementing" => vec![("incrementing.column.name", "id")],
            "timestamp" => vec![("timestamp.column.name", "changed")],
            "bulk" => vec![],
            _ => vec![("incrementing.column.name", "id"), ("timestamp.column.name", "changed")],
        };
        [vec![url, ("tables", "orders,items"), ("topic.prefix", "t-"), ("mode", mode)], columns].concat()
    };
    let (number, time) = (json!({"incrementing": 7}), json!({"timestamp_us": 7}));
    let both = [json!({"incrementing": 7, "timestamp_us": 7})];
    let class = "postgres-query";
    taken(class, &by("incrementing"), &table, &[number.clone(), both[0].clone()]);
    taken(class, &by("timestamp"), &table, &[time.clone(), both[0].clone()]);
    taken(class, &by("timestamp+incrementing"), &table, &both);
    let confluents = json!({"timestamp": 7, "timestamp_nanos": 0});
    refused(class, &by("incrementing"), &table, &[time.clone(), json!({})], r#"one is {"incrementing": 7}"#);
    refused(class, &by("incrementing"), &table, &[json!({"incrementing": "7"})], r#"{"incrementing": 7}"#);
    refused(class, &by("timestamp"), &table, &[number.clone(), confluents], r#"{"timestamp_us": "#);
    refused(class, &by("timestamp+incrementing"), &table, &[number, time], r#""timestamp_us": "#);
    refused(class, &by("bulk"), &table, &both, "mode=bulk");
    for wrong in [json!({"table": "other"}), json!({"protocol": "1", "table": "orders"}), json!({})] {
        refused(class, &by("timestamp"), &wrong, &both, r#"{"table":"orders"}, {"table":"items"}"#);
    }
    let query = [url, ("query", "SELECT 1 AS id"), ("topic.prefix", "t"), ("incrementing.column.name", "id")];
    taken(class, &query, &json!({"table": "query"}), &both);
    refused(class, &query, &table, &both, r#"{"table":"query"}"#);
}

#[test]
fn a_polling_source_takes_a_cursor_where_it_asks_with_one() {
    let options = [("url", "http://127.0.0.1/a"), ("topic", "t")];
    let cursor = [&options[..], &[("cursor.pointer", "/next"), ("cursor.parameter", "after")]].concat();
    let part = json!({"url": "http://127.0.0.1/a"});
    taken("http-poll", &cursor, &part, &[json!({"cursor": "7"}), json!({"cursor": "7", "etag": "\"a\""})]);
    taken("http-poll", &options, &part, &[json!({"etag": "a"}), json!({"last-modified": "Mon"})]);
    refused("http-poll", &cursor, &part, &[json!({}), json!({"cursor": 7}), json!({"page": "7"})], "cursor");
    refused("http-poll", &options, &part, &[json!({"cursor": "7"})], "cursor.parameter");
    refused("http-poll", &options, &part, &[json!({"after": "7"})], "etag");
    let other = json!({"url": "http://127.0.0.1/b"});
    refused("http-poll", &options, &other, &[json!({"etag": "a"})], r#"{"url":"http://127.0.0.1/a"}"#);
}

#[test]
fn a_program_is_given_any_position_of_its_own() {
    let records = [("command", "produce"), ("topic", "t"), ("format", "records")];
    let part = json!({"command": "produce"});
    taken("exec-source", &records, &part, &[json!({"line": 7}), json!({"a": {"b": []}})]);
    let other = json!({"command": "other"});
    refused("exec-source", &records, &other, &[json!({"line": 7})], r#"{"command":"produce"}"#);
    refused("exec-source", &records[..2], &part, &[json!({"line": 7})], "format=records");
}

#[test]
fn what_goes_on_from_nowhere_takes_none() {
    let port = "127.0.0.1:0";
    let all: [(&str, &[(&str, &str)]); 5] = [
        ("stdin", &[("topic", "t")]),
        ("syslog", &[("topic", "t"), ("listen", port)]),
        ("http-webhook", &[("topic", "t"), ("listen", port)]),
        ("prometheus", &[("topic", "t"), ("targets", "http://127.0.0.1:1/metrics")]),
        ("prometheus-receiver", &[("topic", "t"), ("listen", port)]),
    ];
    for (class, options) in all {
        refused(class, options, &json!({"a": 1}), &[json!({"b": 1}), json!({})], "keeps none");
    }
}
