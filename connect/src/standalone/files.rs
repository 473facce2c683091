//! Configurations in files: our YAML, Kafka Connect's properties and JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::tree::Tree;
use crate::config::properties;

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
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("yaml" | "yml") => pipeline.add_yaml(&text).map_err(failed)?,
                Some("json") => pipeline.add_json(&text).map_err(failed)?,
                _ => {
                    let pairs: BTreeMap<String, String> = properties::parse(&text).into_iter().collect();
                    if at == 0 && !pairs.contains_key("connector.class") {
                        pipeline.worker.extend(pairs);
                    } else {
                        pipeline.add(pairs).map_err(failed)?;
                    }
                }
            }
        }
        Ok(pipeline)
    }

    fn add_yaml(&mut self, text: &str) -> Result<(), String> {
        // The parser's advice to programmers is none for those who write a file.
        let said = |error: serde_saphyr::Error| {
            error.to_string().replace(", set DuplicateKeyPolicy in Options if acceptable", "")
        };
        let tree: Tree = serde_saphyr::from_str(text).map_err(said)?;
        let Tree::Map(sections) = tree else { return Err(EXPECTED.to_owned()) };
        for (name, section) in sections {
            match (name.as_str(), section) {
                ("worker", worker @ (Tree::Map(_) | Tree::Null)) => self.worker.extend(worker.flat()),
                ("connectors", Tree::Map(connectors)) => {
                    for (name, connector) in connectors {
                        if !matches!(connector, Tree::Map(_)) {
                            return Err(format!(
                                "connectors: {name}: expected its options, `name: value` each"
                            ));
                        }
                        let mut config = connector.flat();
                        config.insert("name".to_owned(), name);
                        self.add(config)?;
                    }
                }
                ("connectors", Tree::Null) => {}
                _ => return Err(format!("{name}: {EXPECTED}")),
            }
        }
        Ok(())
    }

    /// `{"name": ..., "config": {...}}`, or the configuration alone.
    fn add_json(&mut self, text: &str) -> Result<(), String> {
        let tree: Tree = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut config = tree.get("config").unwrap_or(&tree).flat();
        if let Some(name) = tree.get("name").and_then(Tree::text) {
            config.insert("name".to_owned(), name.to_owned());
        }
        self.add(config)
    }

    fn add(&mut self, config: BTreeMap<String, String>) -> Result<(), String> {
        let name = config.get("name").cloned().ok_or("a connector must have a name")?;
        if self.connectors.iter().any(|known| known.get("name") == Some(&name)) {
            return Err(format!("there are two connectors of the name {name}"));
        }
        self.connectors.push(config);
        Ok(())
    }
}

const EXPECTED: &str =
    "expected `worker:` with the worker's options and `connectors:` with a connector by each name";

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > FILE_MAX {
        return Err(format!("it has {size} bytes, more than a configuration may have"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
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
        assert_eq!(pipeline(&[worker, ("in.properties", connector)]).unwrap(), ours);
        let json = r#"{"name": "in", "config": {"connector.class": "file-source", "tasks.max": 1}}"#;
        assert_eq!(pipeline(&[worker, ("in.json", json)]).unwrap(), ours);
        let flat = r#"{"name": "in", "connector.class": "file-source", "tasks.max": "1"}"#;
        assert_eq!(pipeline(&[worker, ("in.json", flat)]).unwrap(), ours);
    }

    #[test]
    fn what_is_no_pipeline_is_told_with_its_file() {
        let said = |files: &[(&str, &str)]| pipeline(files).unwrap_err();
        assert!(said(&[("a.yaml", "conectors: {}")]).contains("a.yaml: conectors: expected `worker:`"));
        assert!(said(&[("a.yaml", "connectors: {x: {}}\nworker: [")]).contains("a.yaml"));
        assert!(said(&[("a.yaml", "worker: []")]).contains("a.yaml: worker: expected `worker:`"));
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
}
