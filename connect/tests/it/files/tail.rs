use std::collections::BTreeMap;

use anyhow::{Context, Result};
use millstream_connect::{Record, SourceBatch, SourceOffset, SourcePartition, SourceTask};
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use crate::open;

/// A file source, what it has read and how far.
pub(crate) struct Tail {
    options: Vec<(String, String)>,
    task: Box<dyn SourceTask>,
    pub(crate) records: Vec<Record>,
    /// By the text of the part.
    pub(crate) positions: BTreeMap<String, (SourcePartition, SourceOffset)>,
}

impl Tail {
    /// Follows a pattern, quicker than anybody would want to.
    pub(crate) async fn of(file: &str, options: &[(&str, &str)]) -> Result<Self> {
        Self::at(file, options, Vec::new()).await
    }

    pub(crate) async fn at(
        file: &str,
        options: &[(&str, &str)],
        positions: Vec<(SourcePartition, SourceOffset)>,
    ) -> Result<Self> {
        let quick = [("scan.interval.ms", "20"), ("poll.interval.ms", "5"), ("rotate.wait.ms", "300")];
        let all: Vec<(&str, &str)> =
            [("file", file), ("topic", "lines")].iter().chain(&quick).chain(options).copied().collect();
        let task = open::source_at("FileStreamSource", &all, positions).await?;
        let options = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Self { options, task, records: Vec::new(), positions: BTreeMap::new() })
    }

    /// The same after a crash: what was handed over counts as acknowledged.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let options: Vec<(&str, &str)> =
            self.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let positions = self.positions.values().cloned().collect();
        self.task = open::source_at("FileStreamSource", &options, positions).await?;
        Ok(())
    }

    /// Reads until something is so.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Self) -> bool) -> Result<()> {
        while !wanted(self) {
            let polled = timeout(PATIENCE, self.task.poll()).await;
            let batch = polled.with_context(|| format!("no more comes after {:?}", self.lines().last()))?;
            self.take(batch?.context("the source ended")?);
        }
        Ok(())
    }

    /// Reads until there are so many records.
    pub(crate) async fn read(&mut self, records: usize) -> Result<()> {
        self.until(|tail| tail.records.len() >= records).await
    }

    fn take(&mut self, batch: SourceBatch) {
        self.records.extend(batch.records);
        for (partition, offset) in batch.positions {
            let name = serde_json::Value::Object(partition.clone()).to_string();
            if offset.is_empty() {
                self.positions.remove(&name);
            } else {
                self.positions.insert(name, (partition, offset));
            }
        }
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.value.value.as_str().unwrap_or("not text")).collect()
    }
}
