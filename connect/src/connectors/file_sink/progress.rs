use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use millstream_client::TopicPartition;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is on disk for good: it lies beside the file, and is written after what it speaks of was synced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The file that is being written.
    pub(super) open: Option<Counted>,
    /// The offset after the last record that counts.
    pub(super) next: BTreeMap<TopicPartition, i64>,
    /// Which topics of their names they are of, as far as it was told.
    pub(super) ids: BTreeMap<TopicPartition, Uuid>,
    /// How often offsets have begun anew: files of a later round do not take the names of earlier ones.
    pub(super) round: u32,
    /// Which run of the machine the one file is written in; none where nothing is under way.
    pub(super) boot: Option<String>,
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
    /// Topic, partition and id.
    #[serde(default)]
    ids: Vec<(String, i32, String)>,
    #[serde(default)]
    round: u32,
    #[serde(default)]
    boot: Option<String>,
}

impl Progress {
    /// What was stored. Nothing was if there is no such file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read?,
        };
        let form: Form = serde_json::from_slice(&bytes)?;
        let partition = |topic: String, partition| TopicPartition { topic: topic.into(), partition };
        let next = form.next.into_iter().map(|(topic, at, next)| (partition(topic, at), next));
        let id = |(topic, at, id): (String, i32, String)| Some((partition(topic, at), id.parse().ok()?));
        let ids = form.ids.into_iter().filter_map(id);
        let (next, ids) = (next.collect(), ids.collect());
        Ok(Self { open: form.open, next, ids, round: form.round, boot: form.boot })
    }

    /// The partition is of this topic: what counted of another of its name does not any more.
    pub(super) fn claim(&mut self, partition: &TopicPartition, id: Uuid) {
        if !id.is_nil() && self.ids.insert(partition.clone(), id).is_some_and(|known| known != id) {
            self.begin_anew(partition);
        }
    }

    /// Nothing is known of the partition any more. Returns whether anything was.
    pub(super) fn begin_anew(&mut self, partition: &TopicPartition) -> bool {
        let was_known = self.next.remove(partition).is_some();
        self.round += u32::from(was_known);
        was_known
    }

    /// Replaces what was stored; a crash leaves the one or the other.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let next = self.next.iter();
        let next = next.map(|(at, next)| (at.topic.to_string(), at.partition, *next)).collect();
        let ids = self.ids.iter();
        let ids = ids.map(|(at, id)| (at.topic.to_string(), at.partition, id.to_string())).collect();
        let form = Form { open: self.open.clone(), next, ids, round: self.round, boot: self.boot.clone() };
        let beside = path.with_added_extension("new");
        let mut out = File::create(&beside)?;
        out.write_all(&serde_json::to_vec(&form)?)?;
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
