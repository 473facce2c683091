//! `millstream connect` and `millstream dlq`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::program::{bare, fed, json, millstream, ok, refused, signal, text};
use crate::running::wait_until;

fn written(dir: &TempDir, name: &str, contents: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, contents).unwrap();
    path.display().to_string()
}

/// A file of lines to a topic, and the topic to a file.
fn there_and_back(dir: &Path, topic: &str) -> String {
    let dir = dir.display();
    format!(
        "worker: {{value.converter: string, offset.flush.interval.ms: 100}}
connectors:
  {topic}-in: {{connector.class: file-source, file: {dir}/in.txt, topic: {topic}}}
  {topic}-out: {{connector.class: file-sink, file: {dir}/out.txt, topics: {topic}}}
"
    )
}

#[test]
fn a_file_goes_through_a_topic_into_a_file_and_a_second_run_moves_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..2_000).map(|line| format!("line {line}\n")).collect();
    written(&dir, "in.txt", &lines);
    let pipeline = written(&dir, "pipeline.yaml", &there_and_back(dir.path(), "paper"));
    ok(&["connect", "run", "--once", &pipeline]);
    let out = || std::fs::read_to_string(dir.path().join("out.txt")).unwrap();
    assert_eq!(out(), lines);
    assert!(dir.path().join("pipeline.offsets").exists(), "positions lie beside the pipeline");

    let more = format!("{lines}one more\n");
    written(&dir, "in.txt", &more);
    ok(&["connect", "run", "--once", &pipeline]);
    assert_eq!(out(), more);
}

#[test]
fn a_run_that_ends_waits_for_a_source_that_is_slow_and_refuses_one_that_has_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let slow = format!(
        "worker: {{value.converter: string, offset.flush.interval.ms: 100}}
connectors:
  slow: {{connector.class: exec-source, command: 'echo a; sleep 2.5; echo b', topic: slow}}
  slow-out: {{connector.class: file-sink, file: {path}/out.txt, topics: slow}}
"
    );
    ok(&["connect", "run", "--once", &written(&dir, "slow.yaml", &slow)]);
    assert_eq!(std::fs::read_to_string(dir.path().join("out.txt")).unwrap(), "a\nb\n");

    let endless = "connectors: {hook: {connector.class: http-webhook, listen: '127.0.0.1:0', topic: hook}}\n";
    let why = refused(&["connect", "run", "--once", &written(&dir, "endless.yaml", endless)]);
    assert!(why.contains("connector hook Failed") && why.contains("this source has no end"), "{why}");
}

#[test]
fn the_files_of_kafka_connect_run_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    written(&dir, "in.txt", "a\nb\n");
    let path = dir.path().display();
    let worker = written(
        &dir,
        "connect-standalone.properties",
        &format!(
            "key.converter=org.apache.kafka.connect.storage.StringConverter\nvalue.converter=org.apache.kafka.connect.storage.StringConverter\noffset.storage.file.filename={path}/o\n"
        ),
    );
    let source = written(
        &dir,
        "source.properties",
        &format!(
            "name=local-file-source\nconnector.class=FileStreamSource\ntasks.max=1\nfile={path}/in.txt\ntopic=connect-test\n"
        ),
    );
    let sink = written(
        &dir,
        "sink.json",
        &format!(
            r#"{{"name": "local-file-sink", "config": {{"connector.class": "FileStreamSink", "tasks.max": "1", "file": "{path}/out.txt", "topics": "connect-test"}}}}"#
        ),
    );
    ok(&["connect", "run", "--once", &worker, &source, &sink]);
    assert_eq!(std::fs::read_to_string(dir.path().join("out.txt")).unwrap(), "a\nb\n");

    // The port of the REST API may be another's on this machine, which does not keep the connectors from running.
    let mut run = millstream(&["connect", "run", &worker, &source, &sink]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(run.stderr.take().unwrap()).read_line(&mut first).unwrap();
    signal(&run, "TERM");
    run.wait().unwrap();
    let told = ["Connect is ready on http://127.0.0.1:8083", "Connect runs without its REST API: "];
    assert!(told.iter().any(|told| first.starts_with(told)), "{first}");
}

#[test]
fn lint_names_all_that_is_wrong_and_the_nearest_of_what_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = written(
        &dir,
        "pipeline.yaml",
        "worker: {value.converter: jsn}
connectors:
  a: {connector.class: file-sorce, topic: x}
  b: {connector.class: file-source, file: /tmp/x, topic: x, batch.sise: 3, errors.tolerance: some}
  c: {connector.class: file-sink, file: /tmp/y, producer.override.bootstrap.servers: elsewhere}
",
    );
    let output = bare(&["connect", "lint", &pipeline]).output().unwrap();
    assert!(!output.status.success());
    let said = text(&output.stdout);
    for part in [
        "pipeline.yaml:1: worker: Invalid value jsn for configuration value.converter: there is no converter of that name, but json",
        "pipeline.yaml:3: a: Invalid value file-sorce for configuration connector.class: there is no such connector; the nearest are: file-source",
        "pipeline.yaml:4: b: Unknown configuration batch.sise; did you mean batch.size?",
        "pipeline.yaml:4: b: Invalid value some for configuration errors.tolerance: must be one of: none, all",
        "pipeline.yaml:5: c: Must configure one of topics or topics.regex",
        "pipeline.yaml:5: c: producer.override.bootstrap.servers may not be overridden",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
    assert!(refused(&["connect", "run", &pipeline]).contains("did you mean batch.size?"), "nor does it run");
    let nothing = written(&dir, "nothing.yaml", "worker: {value.converter: json}\n");
    assert!(refused(&["connect", "run", &nothing]).contains("no connectors: write them below `connectors:`"));
}

#[test]
fn a_password_that_is_written_as_it_is_is_told_and_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let class = "connector.class: http, topics: x";
    let pipeline = written(
        &dir,
        "pipeline.yaml",
        &format!(
            "
connectors:
  a: {{{class}, url: 'http://me:pl4nted@127.0.0.1:1/x', batch.sise: 1}}
  b: {{{class}, url: 'http://me:${{env:HOME}}@127.0.0.1:1/x'}}
  c: {{{class}, url: 'http://me:[hidden]@127.0.0.1:1/x'}}
"
        ),
    );
    let output = bare(&["connect", "lint", &pipeline]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("a: warning: ") && said.contains("write ${env:NAME}"), "{said}");
    assert!(!said.contains("b: ") && said.contains("c: ") && said.contains("was hidden when"), "{said}");
    let looked =
        bare(&["connect", "doctor", "--bootstrap-server", "127.0.0.1:1", &pipeline]).output().unwrap();
    let looked = format!("{}{}", text(&looked.stdout), text(&looked.stderr));
    assert!(looked.contains("write ${env:NAME}"), "{looked}");
    for told in [&said, &looked] {
        assert!(!told.contains("pl4nted"), "{told}");
    }
}

#[test]
fn doctor_looks_at_the_cluster_and_the_connectors_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    written(&dir, "in.txt", "a\n");
    let pipeline = written(&dir, "pipeline.yaml", &there_and_back(dir.path(), "examined"));
    let found = json(&["connect", "doctor", &pipeline, "-o", "json"]);
    let found = found.as_array().unwrap();
    assert!(found.iter().all(|finding| finding["severity"] != "wrong"), "{found:?}");
    assert!(found.iter().any(|finding| finding["connector"] == "examined-in"));
    assert!(!ok(&["topic", "list"]).contains("examined"));
    let away = refused(&["connect", "doctor", &pipeline, "-b", "127.0.0.1:1"]);
    assert!(away.contains("wrong"), "{away}");
}

#[test]
fn tap_shows_what_transforms_make_of_records_and_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    written(&dir, "in.txt", "a\nb\nc\n");
    let path = dir.path().display();
    let pipeline = written(
        &dir,
        "pipeline.yaml",
        &format!(
            "
connectors:
  tapped:
    connector.class: file-source
    file: {path}/in.txt
    topic: tapped
    transforms:
      field: {{type: HoistField$Value, field: line}}
"
        ),
    );
    let shown = ok(&["connect", "tap", "-n", "2", &pipeline]);
    let shown: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown.len(), 2);
    assert_eq!(
        (&shown[1]["topic"], &shown[1]["value"]),
        (&"tapped".into(), &serde_json::json!({"line": "b"}))
    );
    assert!(!ok(&["topic", "list"]).contains("tapped"));
}

#[test]
fn what_can_be_named_is_listed_with_what_can_be_said_to_it() {
    let all = ok(&["connect", "options"]);
    for (name, kind) in [
        ("elasticsearch", "sink"),
        ("cast", "transformation"),
        ("tombstone", "predicate"),
        ("json", "converter"),
    ] {
        let line = all.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
        assert_eq!(line.split_whitespace().nth(1), Some(kind), "{all}");
    }
    let page = ok(&["connect", "options", "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"]);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}: {page}"));
    assert!(
        place("  connection.url: list, required")
            < place("  errors.tolerance: none | all, all where nothing")
    );
    assert!(place("  errors.tolerance") < place("  linger.ms: "), "what is not taken comes last");
    let spec = json(&["connect", "options", "org.apache.kafka.connect.transforms.Cast$Key", "-o", "json"]);
    assert_eq!((&spec[0]["name"], &spec[0]["required"]), (&"spec".into(), &true.into()));
    assert!(refused(&["connect", "options", "nothing"]).contains("connect options lists all"));
}

#[test]
fn tap_ends_when_nobody_reads_it_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..50_000).map(|line| format!("line {line}\n")).collect();
    let source =
        format!("{{connector.class: file-source, file: {}, topic: heads}}", written(&dir, "in.txt", &lines));
    let pipeline = written(&dir, "pipeline.yaml", &format!("connectors: {{heads: {source}}}\n"));
    let mut tap = millstream(&["connect", "tap", &pipeline]).stdout(Stdio::piped()).spawn().unwrap();
    let mut head = String::new();
    BufReader::new(tap.stdout.take().unwrap()).read_line(&mut head).unwrap();
    assert!(head.contains("line 0"), "{head}");
    wait_until("its end", || tap.try_wait().unwrap().is_some());
}

#[test]
fn tap_shows_the_topics_that_a_pattern_reads_and_says_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let sink =
        "{connector.class: file-sink, file: /dev/null, topics.regex: 'regex-[ab]', value.converter: string}";
    let pipeline = written(&dir, "pipeline.yaml", &format!("connectors: {{sees: {sink}}}\n"));
    assert!(refused(&["connect", "tap", "-n", "1", &pipeline]).contains("none of the topics"));
    for (topic, line) in [("regex-a", "1\n"), ("regex-b", "2\n"), ("regex-c", "3\n")] {
        assert!(fed(&["produce", topic], line).status.success());
    }
    let shown = ok(&["connect", "tap", "-n", "2", &pipeline]);
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].clone();
    let mut values: Vec<String> =
        shown.lines().map(|line| value(line).as_str().unwrap().to_owned()).collect();
    values.sort_unstable();
    assert_eq!(values, ["1", "2"]);
}

#[test]
fn a_secret_is_resolved_where_a_task_starts_and_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    written(&dir, "in.txt", "a\n");
    written(&dir, "topic.secret", "hidden-topic");
    let path = dir.path().display();
    let pipeline = written(
        &dir,
        "pipeline.yaml",
        &format!(
            "worker: {{value.converter: string}}
connectors:
  s: {{connector.class: file-source, file: {path}/in.txt, topic: '${{dir:{path}:topic.secret}}'}}
"
        ),
    );
    ok(&["connect", "run", "--once", &pipeline]);
    assert_eq!(ok(&["consume", "hidden-topic", "--from-beginning", "--exit"]), "a\n");
    std::fs::remove_file(dir.path().join("topic.secret")).unwrap();
    let why = refused(&["connect", "run", "--once", &pipeline]);
    assert!(why.contains("topic.secret") && !why.contains("hidden-topic"), "{why}");
}

#[test]
fn doctor_and_tap_see_what_the_worker_sees_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("allowed")).unwrap();
    written(&dir, "in.txt", "a\n");
    written(&dir, "topic.secret", "hidden-topic");
    let path = dir.path().display();
    let pipeline = |worker: &str| {
        let text = format!(
            "worker: {{secrets.allowed.paths: {path}/allowed{worker}}}
connectors:
  s: {{connector.class: file-source, file: {path}/in.txt, topic: '${{dir:{path}:topic.secret}}'}}
"
        );
        written(&dir, "pipeline.yaml", &text)
    };
    let inside = pipeline("");
    let looked = millstream(&["connect", "doctor", &inside, "-o", "json"]).output().unwrap();
    let found = text(&looked.stdout);
    assert!(!looked.status.success() && found.contains("secrets.allowed.paths"), "{found}");
    let tapped = refused(&["connect", "tap", "-n", "1", &inside]);
    assert!(tapped.contains("secrets.allowed.paths") && !tapped.contains("hidden-topic"), "{tapped}");
    // The cluster is asked as tasks would ask it, with the worker's own say of how.
    let secured = pipeline(", security.protocol: SSL");
    let looked = millstream(&["connect", "doctor", &secured, "-o", "json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&looked.stdout).unwrap();
    let cluster =
        found.as_array().unwrap().iter().find(|one| one["what"].as_str().unwrap().starts_with("cluster"));
    assert_eq!(cluster.unwrap()["severity"], "wrong", "{found}");
}

#[test]
fn dead_letters_are_shown_exported_and_sent_back_once() {
    let dir = tempfile::tempdir().unwrap();
    written(&dir, "in.txt", "1\n{broken\n2\n");
    let pipeline = written(&dir, "first.yaml", &there_and_back(dir.path(), "mail"));
    ok(&["connect", "run", "--once", &pipeline]);
    let path = dir.path().display();
    let strict = written(
        &dir,
        "second.yaml",
        &format!(
            "
connectors:
  strict: {{connector.class: file-sink, file: {path}/strict.txt, topics: mail, value.converter: json, value.converter.schemas.enable: false}}
"
        ),
    );
    ok(&["connect", "run", "--once", &strict]);
    assert_eq!(std::fs::read_to_string(dir.path().join("strict.txt")).unwrap().lines().count(), 2);

    let shown = json(&["dlq", "show", "strict.dlq", "-o", "json"]);
    assert_eq!((&shown[0]["origin"], &shown[0]["value"]), (&"mail-0@1".into(), &"{broken".into()));
    assert_eq!(shown[0]["stage"], "VALUE_CONVERTER");
    assert_eq!(ok(&["dlq", "show", "strict.dlq", "-m", "no such error", "-o", "json"]), "[]\n");
    let exported: serde_json::Value = serde_json::from_str(&ok(&["dlq", "export", "strict.dlq"])).unwrap();
    assert_eq!((&exported["value"], &exported["headers"]), (&"{broken".into(), &serde_json::json!([])));

    assert_eq!(ok(&["dlq", "replay", "strict.dlq", "--dry-run"]), "1 would go to mail\n");
    assert_eq!(ok(&["dlq", "replay", "strict.dlq"]), "1 sent to mail\n");
    assert_eq!(ok(&["dlq", "replay", "strict.dlq"]), "nothing to send\n");
    assert_eq!(ok(&["consume", "mail", "--from-beginning", "--exit"]), "1\n{broken\n2\n{broken\n");
    let with_headers =
        json(&["consume", "mail", "--partition", "0", "--offset", "3", "--exit", "-o", "json"]);
    assert_eq!(with_headers["headers"], serde_json::json!([]), "it comes back as it was: {with_headers}");
}
