//! A file that nothing is kept beside: the end of a topology, each record at least once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::options::FileSinkOptions;
use crate::connectors::aside::aside;
use crate::connectors::line::{self, Format};
use crate::error::TaskError;
use crate::record::Record;
use crate::sink::{SinkTask, Written};

/// Appends to a file, as other tasks and programs may.
pub(super) struct Loose {
    path: PathBuf,
    format: Format,
    file: Option<Arc<File>>,
    /// A write has failed, perhaps within a line: the next begins a new one.
    is_torn: bool,
}

impl Loose {
    pub(super) fn new(options: FileSinkOptions) -> Self {
        Self { path: options.file.unwrap_or_default(), format: options.format, file: None, is_torn: false }
    }

    fn open(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = Arc::new(OpenOptions::new().create(true).append(true).open(&self.path)?);
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// In one write, so that no other writer's lines come into the midst of these.
    fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let file = self.open()?;
        let mut out = if self.is_torn { b"\n".to_vec() } else { Vec::new() };
        records.iter().for_each(|record| line::append(&mut out, record, self.format));
        self.is_torn = true;
        (&*file).write_all(&out)?;
        self.is_torn = false;
        Ok(())
    }
}

#[async_trait]
impl SinkTask for Loose {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        aside(|| self.append(records)).map_err(super::failed)?;
        Ok(Written::All)
    }

    async fn flush(&mut self) -> Result<(), TaskError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        let synced = synced.map_err(io::Error::other).flatten();
        if synced.is_err() {
            // What a failed sync leaves nobody knows: all of it is written again, to a file that is opened anew.
            (self.file, self.is_torn) = (None, true);
        }
        synced.map_err(super::failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaAndValue;

    fn line(text: &str) -> Record {
        Record::new("lines".into(), SchemaAndValue::string(text))
    }

    #[tokio::test]
    async fn what_follows_a_write_or_a_sync_that_failed_begins_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let mut loose = Loose { path: path.clone(), format: Format::Lines, file: None, is_torn: false };
        loose.write(&[line("one")]).await.unwrap();
        // It cannot be written to.
        loose.file = Some(Arc::new(File::open(&path).unwrap()));
        assert!(loose.write(&[line("two")]).await.is_err());
        loose.file = None;
        loose.write(&[line("two")]).await.unwrap();
        // It takes everything and syncs nothing.
        loose.file = Some(Arc::new(OpenOptions::new().write(true).open("/dev/null").unwrap()));
        loose.write(&[line("three")]).await.unwrap();
        assert!(loose.flush().await.is_err());
        loose.write(&[line("three")]).await.unwrap();
        loose.flush().await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n\ntwo\n\nthree\n");
    }
}
