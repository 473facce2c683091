//! Configurations in files: our YAML, Kafka Connect's properties and JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use thiserror::Error;

use super::lines::Lines;
use super::tree::{Flat, Node, Tree};
use crate::config::properties;
use crate::herder::TargetState;

/// A file that is longer holds no configuration.
const FILE_MAX: u64 = 4 << 20;

/// A file is no configuration.
#[derive(Debug, Error)]
#[error("{}: {why}", path.display())]
pub struct ConfigFileError {
    path: PathBuf,
    why: String,
}

/// A worker and its connectors, as files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// Of the worker.
    pub worker: BTreeMap<String, String>,
    /// Of each connector, its name included, in the order of the files.
    pub connectors: Vec<BTreeMap<String, String>>,
    /// What those connectors begin as that do not begin by running (`initial_state` of Kafka Connect's JSON).
    pub initial: BTreeMap<String, TargetState>,
    /// For whoever tells what is wrong.
    lines: Lines,
}

impl Pipeline {
    /// Reads files. A YAML file has `worker` and `connectors`, by name. Of Kafka Connect's files the first is the worker's
    /// (`connect-standalone.properties`), and each of the others a connector's, as properties or as JSON.
    ///
    /// # Errors
    /// The first file that cannot be read, or is none of these.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ConfigFileError> {
        let mut pipeline = Self::default();
        for (at, path) in paths.iter().enumerate() {
            let failed = |why: String| ConfigFileError { path: path.clone(), why };
            let text = read(path).map_err(failed)?;
            pipeline.lines.begin(path);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("yaml" | "yml") => pipeline.add_yaml(&text).map_err(failed)?,
                Some("json") => pipeline.add_json(&text).map_err(failed)?,
                _ => {
                    let flat = of_properties(&text);
                    if at == 0 && !flat.texts.contains_key("connector.class") {
                        pipeline.add_worker(flat);
                    } else {
                        pipeline.add(flat).map_err(failed)?;
                    }
                }
            }
        }
        Ok(pipeline)
    }

    /// `FILE:LINE` of an option of a connector, or of the worker where none is named; of the connector itself where the option is
    /// not there.
    #[must_use]
    pub fn place(&self, connector: Option<&str>, option: &str) -> Option<String> {
        self.lines.place(connector, option)
    }

    fn add_yaml(&mut self, text: &str) -> Result<(), String> {
        let options = serde_saphyr::options! {
            non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        };
        let node = serde_saphyr::from_str_with_options::<Node>(text, options)
            .map_err(|error| advised(&error.to_string()))?;
        let Tree::Map(sections) = node.settled(text).tree else { return Err(EXPECTED.to_owned()) };
        for (name, section) in sections {
            match (name.as_str(), &section.tree) {
                ("worker", Tree::Map(_) | Tree::Null) => self.add_worker(section.flat()?),
                ("connectors", Tree::Map(connectors)) => {
                    for (name, connector) in connectors {
                        if !matches!(connector.tree, Tree::Map(_)) {
                            let why = format!("connectors: {name}: expected its options, `name: value` each");
                            return Err(connector.at(&why));
                        }
                        let mut flat = connector.flat()?;
                        flat.texts.insert("name".to_owned(), name.clone());
                        self.add(flat)?;
                    }
                }
                ("connectors", Tree::Null) => {}
                ("connectors", _) => return Err(section.at(NAMED)),
                _ => return Err(section.at(&format!("{name}: {EXPECTED}"))),
            }
        }
        Ok(())
    }

    /// `{"name": ..., "config": {...}, "initial_state": ...}`, or the configuration alone.
    fn add_json(&mut self, text: &str) -> Result<(), String> {
        let told = |error: serde_json::Error| error.to_string();
        let source: &RawValue = serde_json::from_str(text).map_err(told)?;
        let node =
            serde_json::from_str::<Node>(text).and_then(|node| node.settled_json(source)).map_err(told)?;
        let Tree::Map(parts) = &node.tree else {
            return Err("expected an object: a file has one connector".to_owned());
        };
        let whole = node.get("config").filter(|config| matches!(config.tree, Tree::Map(_)));
        let mut flat = whole.unwrap_or(&node).flat()?;
        let name = node.get("name").and_then(Node::text);
        if whole.is_some() {
            let strange =
                parts.keys().find(|part| !["name", "config", "initial_state"].contains(&part.as_str()));
            if let Some(strange) = strange {
                return Err(format!(
                    "{strange}: expected \"name\", \"config\" and perhaps \"initial_state\"; options stand in \"config\""
                ));
            }
            let other =
                flat.texts.get("name").filter(|other| name.is_some_and(|name| name != other.as_str()));
            if let Some(other) = other {
                return Err(format!("\"name\" in \"config\" is another, {other}: leave it out there"));
            }
            if let (Some(name), Some(state)) = (name, node.get("initial_state").and_then(Node::text)) {
                let target = TargetState::from_name(state)
                    .ok_or_else(|| format!("initial_state {state} is none of RUNNING, PAUSED and STOPPED"))?;
                self.initial.insert(name.to_owned(), target);
            }
        }
        if let Some(name) = name {
            flat.texts.insert("name".to_owned(), name.to_owned());
        }
        flat.lines = lines_of_json(text, flat.texts.keys());
        self.add(flat)
    }

    fn add_worker(&mut self, flat: Flat) {
        self.worker.extend(flat.texts);
        self.lines.add(None, flat.lines);
    }

    fn add(&mut self, flat: Flat) -> Result<(), String> {
        let name = flat.texts.get("name").cloned().ok_or("a connector must have a name")?;
        if self.connectors.iter().any(|known| known.get("name") == Some(&name)) {
            let other = self.place(Some(&name), "name").unwrap_or_default();
            return Err(format!("there are two connectors of the name {name}, the other in {other}"));
        }
        self.lines.add(Some(name), flat.lines);
        self.connectors.push(flat.texts);
        Ok(())
    }
}

const EXPECTED: &str =
    "expected `worker:` with the worker's options and `connectors:` with a connector by each name";
const NAMED: &str =
    "connectors: expected the connectors by their names, `connectors:` and below it `NAME:` with its options";

/// A parser's words for those who program, and ours for those who write a file.
const ADVICE: [(&str, &str); 6] = [
    (", set DuplicateKeyPolicy in Options if acceptable", ""),
    ("; use from_str_multiple or from_str_multiple_with_options", ": a file is one"),
    (
        "recursive references require weak recursion types",
        "an alias within what it stands for has no end: write it out",
    ),
    ("tabs disallowed within this context", "indent with blanks, not with tabs"),
    (" --> <input>:", " --> "),
    ("error: line", "line"),
];

fn advised(said: &str) -> String {
    ADVICE.iter().fold(said.to_owned(), |said, (theirs, ours)| said.replace(theirs, ours))
}

fn of_properties(text: &str) -> Flat {
    let mut flat = Flat::default();
    for (line, (name, value)) in properties::lines(text) {
        flat.lines.insert(name.clone(), line);
        flat.texts.insert(name, value);
    }
    flat
}

/// Where names stand first in quotes with a colon behind them: the parser does not say.
fn lines_of_json<'a>(text: &str, names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let line_of = |name: &String| {
        let quoted = format!("\"{name}\"");
        let is_there =
            |line: &str| line.split_once(&quoted).is_some_and(|(_, rest)| rest.trim_start().starts_with(':'));
        Some((name.clone(), text.lines().position(is_there)? + 1))
    };
    names.filter_map(line_of).collect()
}

fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::IsADirectory => "it is a directory: name the files in it".to_owned(),
        std::io::ErrorKind::InvalidData => "it is no text in UTF-8".to_owned(),
        _ => error.to_string(),
    };
    let size = std::fs::metadata(path).map_err(told)?.len();
    if size > FILE_MAX {
        return Err(format!("it has {size} bytes, more than a configuration may have"));
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(files: &[(&str, &str)]) -> Result<Pipeline, String> {
        let dir = tempfile::tempdir().unwrap();
        let write = |(name, text): &(&str, &str)| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths: Vec<PathBuf> = files.iter().map(write).collect();
        Pipeline::read(&paths).map_err(|error| error.to_string())
    }

    #[test]
    fn our_yaml_and_kafkas_files_say_the_same() {
        let yaml = "worker: {bootstrap.servers: 'a:1'}\nconnectors:\n  in: {connector.class: file-source, tasks.max: 1}\n";
        let ours = pipeline(&[("pipeline.yaml", yaml)]).unwrap();
        let worker = ("worker.properties", "bootstrap.servers=a:1\n");
        let connector = "name=in\nconnector.class=file-source\ntasks.max=1\n";
        let same = |files: &[(&str, &str)]| {
            let theirs = pipeline(files).unwrap();
            assert_eq!((&theirs.worker, &theirs.connectors), (&ours.worker, &ours.connectors));
        };
        same(&[worker, ("in.properties", connector)]);
        let json = r#"{"name": "in", "config": {"connector.class": "file-source", "tasks.max": 1}}"#;
        same(&[worker, ("in.json", json)]);
        let flat = r#"{"name": "in", "connector.class": "file-source", "tasks.max": "1"}"#;
        same(&[worker, ("in.json", flat)]);
    }

    #[test]
    fn what_is_no_pipeline_is_told_with_its_file() {
        let said = |files: &[(&str, &str)]| pipeline(files).unwrap_err();
        assert!(
            said(&[("a.yaml", "conectors: {}")]).contains("a.yaml: line 1: conectors: expected `worker:`")
        );
        assert!(said(&[("a.yaml", "connectors: {x: {}}\nworker: [")]).contains("a.yaml"));
        assert!(said(&[("a.yaml", "worker: []")]).contains("a.yaml: line 1: worker: expected `worker:`"));
        for none in ["x:", "x: [1]", "x: stdout"] {
            let yaml = format!("connectors: {{{none}}}");
            assert!(said(&[("a.yaml", &yaml)]).contains("connectors: x: expected its options"), "{none}");
        }
        let twice = said(&[("a.yaml", "connectors:\n  x:\n    file: a\n    file: b\n")]);
        assert!(twice.contains("duplicate mapping key: file") && !twice.contains("Policy"), "{twice}");
        assert!(said(&[("w.properties", ""), ("c.json", "{}")]).contains("must have a name"));
        let twice = "name=x\nconnector.class=y\n";
        assert!(
            said(&[("a.properties", twice), ("b.properties", twice)])
                .contains("two connectors of the name x")
        );
    }
    #[test]
    fn an_option_is_found_where_it_stands() {
        let yaml = "worker:\n  bootstrap.servers: a:1\nconnectors:\n  in:\n    file: x\n    transforms:\n      cut: {type: drop}\n";
        let json = "{\n \"name\": \"out\",\n \"config\": {\n  \"tasks.max\": 1}}";
        let read = pipeline(&[
            ("a.yaml", yaml),
            ("b.json", json),
            ("c.properties", "# c\nname=c\nfi\\\nle=x\ntopic=t\n"),
        ]);
        let read = read.unwrap();
        let place = |connector: Option<&str>, option: &str| {
            let place = read.place(connector, option).unwrap_or_default();
            place.rsplit('/').next().unwrap_or_default().to_owned()
        };
        assert_eq!(place(None, "bootstrap.servers"), "a.yaml:2");
        assert_eq!(place(Some("in"), "file"), "a.yaml:5");
        assert_eq!(place(Some("in"), "transforms.cut.typ"), "a.yaml:7");
        assert_eq!(place(Some("in"), "topic"), "a.yaml:5", "where its options begin");
        assert_eq!(
            (place(Some("out"), "tasks.max"), place(Some("out"), "no")),
            ("b.json:4".into(), "b.json:2".into())
        );
        assert_eq!(
            (place(Some("c"), "file"), place(Some("c"), "topic")),
            ("c.properties:3".into(), "c.properties:5".into())
        );
        assert_eq!(place(Some("nobody"), "file"), "");
    }

    #[test]
    fn a_number_of_json_is_the_text_that_stands_there() {
        let written = "1.50 1e3 -0 12345678901234567890123 true";
        let options = written.split(' ').map(|text| format!("\"{text}\": {text},")).collect::<String>();
        let text =
            format!("{{{options} \"name\": 007.5, \"list\": [1.0, \"a\"], \"below\": {{\"x\": 2.0}}}}");
        let read = pipeline(&[("c.json", &text.replace("007.5", "7.50"))]).unwrap();
        let of = |name: &str| read.connectors[0][name].as_str();
        written.split(' ').for_each(|text| assert_eq!(of(text), text));
        assert_eq!(["name", "list", "below.x"].map(of), ["7.50", "1.0,a", "2.0"]);
        assert!(pipeline(&[("c.json", &text)]).unwrap_err().contains("invalid number"));
    }

    #[test]
    fn what_kafka_connects_json_says_beside_the_configuration_counts() {
        let json = |more: &str| {
            pipeline(&[(
                "a.json",
                &format!("{{\"name\": \"x\", \"config\": {{\"connector.class\": \"y\"}}{more}}}"),
            )])
        };
        let stopped = json(r#", "initial_state": "stopped""#).unwrap();
        assert_eq!(stopped.initial["x"], TargetState::Stopped);
        assert!(json("").unwrap().initial.is_empty());
        assert!(json(r#", "initial_state": "GONE""#).unwrap_err().contains("RUNNING, PAUSED and STOPPED"));
        assert!(json(r#", "tasks.max": 1"#).unwrap_err().contains("tasks.max: expected \"name\""));
        assert!(json(r#", "name": "x""#).unwrap_err().contains("name stands there twice at line 1"));
        let said = |text: &str| pipeline(&[("a.json", text)]).unwrap_err();
        assert!(said(r#"{"name": "x", "config": {"name": "y"}}"#).contains("is another, y"));
        assert!(said("[]").contains("one connector"));
    }

    #[test]
    fn a_parsers_words_are_for_those_who_write_files() {
        let said = |text: &str| pipeline(&[("a.yaml", text)]).unwrap_err();
        assert!(said("connectors:\n\tx: 1\n").contains("a.yaml: line 2 column 2: indent with blanks"));
        assert!(said("worker:\n---\nworker:\n").contains("documents detected: a file is one"));
        assert!(
            said("worker: &a\n  b: *a\n").contains("line 2 column 6: an alias within what it stands for")
        );
        assert!(
            said("connectors:\n  - name: x\n")
                .contains("line 2: connectors: expected the connectors by their names")
        );
        assert!(pipeline(&[("a.yaml", "\u{feff}worker:\r\n  a: 1\r\n")]).unwrap().worker["a"] == "1");
    }
}
