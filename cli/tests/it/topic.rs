//! `millstream topic`.

use crate::program::{bare, json, ok, refused, text};

#[test]
fn configurations_are_given_by_one_word_at_both_verbs() {
    ok(&["topic", "create", "words", "--add-config", "retention.ms=1000,cleanup.policy=[compact,delete]"]);
    ok(&["topic", "alter", "words", "--config", "retention.ms=2000", "--add-config", "segment.ms=5000"]);
    let table = ok(&["topic", "describe", "words"]);
    for (name, value) in
        [("retention.ms", "2000"), ("cleanup.policy", "compact,delete"), ("segment.ms", "5000")]
    {
        let line =
            table.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {table}"));
        assert!(line.contains(value), "{line}");
    }
    ok(&["topic", "alter", "words", "--delete-config", "retention.ms,segment.ms"]);
    assert!(!ok(&["topic", "describe", "words"]).contains("segment.ms"));
    assert!(refused(&["topic", "alter", "words"]).contains("--delete-config"));
}

#[test]
fn json_tells_every_configuration_and_where_it_comes_from() {
    ok(&["topic", "create", "effective", "--config", "retention.ms=1000"]);
    let described = json(&["topic", "describe", "effective", "-o", "json"]);
    let source = |name: &str| {
        let configs = described[0]["configs"].as_array().unwrap();
        let found = configs.iter().find(|config| config["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing in {described}"))["source"].clone()
    };
    assert_eq!(source("retention.ms"), "DYNAMIC_TOPIC_CONFIG");
    assert_eq!(source("max.message.bytes"), "DEFAULT_CONFIG");
    let table = ok(&["topic", "describe", "effective"]);
    assert!(!table.contains("max.message.bytes"), "{table}");
    assert!(ok(&["topic", "describe", "effective", "--all"]).contains("max.message.bytes"));
}

#[test]
fn a_topic_that_is_missing_is_named_with_its_neighbour() {
    ok(&["topic", "create", "payments"]);
    for command in [
        &["topic", "describe", "paymenst"][..],
        &["topic", "alter", "paymenst", "--config", "retention.ms=1"],
        &["topic", "alter", "paymenst", "--partitions", "3"],
        &["topic", "delete", "paymenst"],
        &["consume", "paymenst", "--exit"],
        &["bench", "consume", "paymenst"],
        &["group", "reset-offsets", "g", "--topic", "paymenst", "--to-earliest"],
    ] {
        let error = refused(command);
        assert!(error.contains("there is no topic paymenst; did you mean payments?"), "{command:?}: {error}");
        assert!(error.contains("topic list"), "{error}");
    }
    assert!(refused(&["topic", "create", "payments"]).contains("--if-not-exists"));
    ok(&["topic", "create", "payments", "--if-not-exists"]);
    ok(&["topic", "delete", "paymenst", "--if-exists"]);
}

#[test]
fn the_topic_may_be_named_as_with_kafkas_tools() {
    ok(&["topic", "create", "--topic", "named"]);
    assert!(json(&["topic", "list", "-o", "json"]).as_array().unwrap().iter().any(|t| t["topic"] == "named"));
    assert!(refused(&["topic", "create"]).contains("<TOPIC>"));
}

#[test]
fn the_cluster_may_be_named_as_the_library_names_it() {
    let cluster = millstream_broker::TestCluster::start_blocking().unwrap();
    cluster.create_topic_blocking("only-here", 1, &[]).unwrap();
    let listed = bare(&["topic", "list", "--bootstrap", &cluster.bootstrap()]).output().unwrap();
    assert!(text(&listed.stdout).contains("only-here"), "{}", text(&listed.stderr));
}
