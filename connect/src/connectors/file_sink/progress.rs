use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use millstream_client::TopicPartition;
use serde::{Deserialize, Serialize};

/// What is on disk for good: it lies beside the file, and is written after what it speaks of was synced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The file that is being written.
    pub(super) open: Option<Counted>,
    /// The offset after the last record that counts.
    pub(super) next: BTreeMap<TopicPartition, i64>,
}

/// How much of a file counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Its name.
    pub(super) file: String,
    /// In the file.
    pub(super) bytes: u64,
    /// Before compression: when the file is full.
    pub(super) content: u64,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Form {
    #[serde(default)]
    open: Option<Counted>,
    /// Topic, partition and offset.
    next: Vec<(String, i32, i64)>,
}

impl Progress {
    /// What was stored. Nothing was if there is no such file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read?,
        };
        let form: Form = serde_json::from_slice(&bytes)?;
        let next = form.next.into_iter();
        Ok(Self {
            open: form.open,
            next: next
                .map(|(topic, partition, next)| (TopicPartition { topic: topic.into(), partition }, next))
                .collect(),
        })
    }

    /// Replaces what was stored; a crash leaves the one or the other.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let next = self.next.iter();
        let next = next.map(|(at, next)| (at.topic.to_string(), at.partition, *next)).collect();
        let beside = path.with_added_extension("new");
        let mut out = File::create(&beside)?;
        out.write_all(&serde_json::to_vec(&Form { open: self.open.clone(), next })?)?;
        out.sync_all()?;
        fs::rename(&beside, path)?;
        sync_directory(path)
    }
}

/// Makes the names in the directory of a file safe.
pub(super) fn sync_directory(of: &Path) -> io::Result<()> {
    let directory = of.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
