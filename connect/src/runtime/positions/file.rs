//! Positions in a file, as Kafka Connect standalone keeps them (`offset.storage.file.filename`): either can go on where the other
//! stopped.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{PositionError, Positions, java_map};
use crate::source::{SourceOffset, SourcePartition};

/// By key: the JSON array of the connector's name and the partition, as Kafka Connect's `OffsetStorageWriter` writes it.
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A file of positions. It is replaced as a whole, so that a crash leaves the old one or the new one.
#[derive(Debug, Clone)]
pub struct PositionFile {
    path: Arc<Path>,
    /// Held over the write of the file: two writers would lose each other's positions.
    entries: Arc<Mutex<Entries>>,
}

impl PositionFile {
    /// Reads the file; where there is none, nothing has been stored.
    ///
    /// # Errors
    /// It cannot be read, or is not one of Kafka Connect's.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, PositionError> {
        let path: PathBuf = path.into();
        let failed = |why: String| PositionError::Store { store: path.display().to_string(), why };
        let entries = match std::fs::read(&path) {
            Ok(bytes) if bytes.is_empty() => Entries::new(),
            Ok(bytes) => {
                let read = java_map::read(&bytes).map_err(|error| failed(error.to_string()))?;
                read.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Entries::new(),
            Err(error) => return Err(failed(error.to_string())),
        };
        Ok(Self { path: path.into(), entries: Arc::new(Mutex::new(entries)) })
    }

    fn failed(&self, why: impl ToString) -> PositionError {
        PositionError::Store { store: self.path.display().to_string(), why: why.to_string() }
    }
}

#[async_trait]
impl Positions for PositionFile {
    async fn load(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>, PositionError> {
        let entries = self.entries.lock().await;
        let of_connector = |(key, offset): (&Vec<u8>, &Vec<u8>)| {
            let (name, partition): (String, SourcePartition) = serde_json::from_slice(key).ok()?;
            let offset: SourceOffset = serde_json::from_slice(offset).ok()?;
            (name == connector).then_some((partition, offset))
        };
        Ok(entries.iter().filter_map(of_connector).collect())
    }

    async fn store(
        &self,
        connector: &str,
        positions: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<(), PositionError> {
        let mut entries = self.entries.lock().await;
        let mut changed = entries.clone();
        for (partition, offset) in positions {
            let key = key(connector, partition);
            match offset {
                Some(offset) => changed.insert(key, Value::Object(offset).to_string().into_bytes()),
                None => changed.remove(&key),
            };
        }
        let list = changed.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        let (path, bytes) = (Arc::clone(&self.path), java_map::write(&list));
        let written = tokio::task::spawn_blocking(move || replace(&path, &bytes)).await;
        written.map_err(|error| self.failed(error))?.map_err(|error| self.failed(error))?;
        *entries = changed;
        Ok(())
    }
}

/// A partition of several entries has them in the order in which its source names them, in both programs.
fn key(connector: &str, partition: SourcePartition) -> Vec<u8> {
    Value::Array(vec![Value::String(connector.to_owned()), Value::Object(partition)]).to_string().into_bytes()
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let beside = path.with_added_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> SourcePartition {
        value.as_object().unwrap().clone()
    }

    #[tokio::test]
    async fn positions_outlive_the_process_and_belong_to_their_connector() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("connect.offsets");
        let file = PositionFile::open(&path).unwrap();
        let (a, b) = (map(json!({"filename": "/a"})), map(json!({"filename": "/b"})));
        let at = |position: u32| map(json!({ "position": position }));
        file.store("one", vec![(a.clone(), Some(at(1))), (b.clone(), Some(at(2)))]).await.unwrap();
        file.store("two", vec![(a.clone(), Some(at(3)))]).await.unwrap();
        file.store("one", vec![(b, None), (a.clone(), Some(at(4)))]).await.unwrap();

        let again = PositionFile::open(&path).unwrap();
        assert_eq!(again.load("one").await.unwrap(), [(a.clone(), at(4))]);
        assert_eq!(again.load("two").await.unwrap(), [(a, at(3))]);
        assert!(again.load("on").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/offsets");
        let file = PositionFile::open(&path).unwrap();
        let one = || vec![(map(json!({})), Some(map(json!({}))))];
        file.store("one", one()).await.unwrap();
        std::fs::remove_dir_all(dir.path().join("made")).unwrap();
        std::fs::write(dir.path().join("made"), "in its way").unwrap();
        let error = file.store("two", one()).await.unwrap_err();
        assert!(error.to_string().contains("made/offsets"), "{error}");
        assert_eq!(file.load("one").await.unwrap().len(), 1);
        assert!(file.load("two").await.unwrap().is_empty());
        std::fs::write(dir.path().join("text"), "hello").unwrap();
        assert!(PositionFile::open(dir.path().join("text")).is_err());
    }
}
