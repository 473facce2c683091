//! Kafka's own cases, and the table that says of each class where they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The rows of the table: the classes, and where their cases are.
fn rows(table: &str) -> impl Iterator<Item = (Vec<&str>, &str)> {
    let cells =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    cells
        .filter(|(classes, _)| *classes != "class")
        .map(|(classes, place)| (classes.split(", ").collect(), place))
}

/// What stands between two backticks and could be the name of a test.
fn tests_named(place: &str) -> impl Iterator<Item = &str> {
    let quoted = place.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte)))
}

/// All that is written in Rust below a folder.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn they_behave_as_in_kafka_streams() {
    super::compare(&super::data("cases.txt"));
}

#[test]
fn the_table_names_what_is_there() {
    let table = fs::read_to_string(here("tests/KAFKA_CASES.md")).unwrap();
    let record = super::data("cases.txt");
    let headed: BTreeSet<&str> = record
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
        .flat_map(|(classes, _)| classes.split(", "))
        .collect();
    let with_programs = rows(&table).filter(|(_, place)| {
        let first = place.split(|c: char| !c.is_ascii_alphabetic()).next();
        first == Some("programs") && !place.starts_with("programs of ")
    });
    let tabled: BTreeSet<&str> = with_programs.flat_map(|(classes, _)| classes).collect();
    assert_eq!(headed, tabled);

    let mut written = String::new();
    sources(&here("tests/it"), &mut written);
    sources(&here("src"), &mut written);
    let mut named = 0;
    for name in rows(&table).flat_map(|(_, place)| tests_named(place)) {
        assert!(written.contains(&format!("fn {name}(")), "there is no test {name}");
        named += 1;
    }
    assert!(named > 30, "only {named} tests were found in the table");
}
