//! Random lives of the metadata log over a storage that forgets: changes, snapshots, power cuts at any step. What was
//! acknowledged is there after every start, and the log does not grow without bound.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::batch::BatchWriter;
use millstream_wire::compression::Compression;
use millstream_wire::ids::NodeId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::config::Settings;
use crate::error::BrokerError;
use crate::log::{AppendOrigin, Logs, LogsOptions};
use crate::metadata::change::{Change, Resource};
use crate::metadata::image::Image;
use crate::metadata::journal::Journal;
use crate::metadata::{METADATA_TOPIC, Metadata, NewTopic, now_ms};
use crate::storage::simulated::{Crash, SimulatedStorage};
use crate::storage::{Access, Storage};

/// Lives simulated per test run; `MILLSTREAM_SEEDS` asks for more.
const SEEDS: u64 = 150;
const STEPS: usize = 60;
const SNAPSHOT_BYTES: u64 = 1500;
/// No change of the simulation is larger.
const CHANGE_BYTES: u64 = 1500;

/// One life of the broker, as far as metadata needs it.
struct Life {
    disk: SimulatedStorage,
    journal: Journal,
    _logs: Arc<Logs>,
}

fn settings(values: &[(&'static str, &'static str)]) -> Settings {
    let values = BTreeMap::from_iter(values.iter().copied());
    Settings::from_lookup(|name| values.get(name).copied()).unwrap()
}

fn open(disk: SimulatedStorage, settings: &Settings) -> Result<Life, BrokerError> {
    let options = LogsOptions { flushers: 1, background: false, ..LogsOptions::new("/data", NodeId(1)) };
    let logs = Logs::open(options, Arc::new(disk.clone()))?;
    Ok(Life { disk, journal: Journal::open(&logs, settings)?, _logs: logs })
}

impl Life {
    fn begin(disk: SimulatedStorage) -> Self {
        open(disk, &settings(&[("metadata.log.max.record.bytes.between.snapshots", "1500")])).unwrap()
    }

    fn end(self, crash: Crash) -> SimulatedStorage {
        self.disk.crash(crash);
        self.disk
    }

    fn files(&self, ending: &str) -> Vec<String> {
        // Before the first change there is no directory.
        let entries = self.disk.list(&directory()).unwrap_or_default();
        entries.into_iter().map(|entry| entry.name).filter(|name| name.ends_with(ending)).collect()
    }

    fn log_bytes(&self) -> u64 {
        let len =
            |name: String| self.disk.open(&directory().join(name), Access::Read).unwrap().len().unwrap();
        self.files(".log").into_iter().map(len).sum()
    }
}

fn directory() -> std::path::PathBuf {
    Path::new("/data").join(format!("{METADATA_TOPIC}-0"))
}

fn config(resource: Resource, rng: &mut StdRng) -> Change {
    let name = format!("name.{}", rng.random_range(0..3));
    let value = rng.random_bool(0.7).then(|| rng.random_range(0..1000).to_string());
    Change::Config { resource, name, value }
}

/// A change that follows from `image`.
fn change(image: &Image, rng: &mut StdRng) -> Vec<Change> {
    let topics: Vec<_> = image.topics().collect();
    let topic = (!topics.is_empty()).then(|| topics[rng.random_range(0..topics.len())]);
    match (topic, rng.random_range(0..10)) {
        (Some(topic), 0..2) => vec![Change::RemoveTopic { topic_id: topic.id }],
        (Some(topic), 2..4) => vec![Change::Partition { topic_id: topic.id, index: topic.partitions }],
        (Some(topic), 4..6) => vec![config(Resource::Topic(topic.name.clone()), rng)],
        (_, 6) => vec![config(Resource::Broker, rng)],
        (_, 7) => vec![Change::ProducerIds { next: image.next_producer_id() + 1000 }],
        _ => {
            let id = Uuid::from_u128(rng.random());
            let mut changes = vec![Change::Topic { name: id.simple().to_string().into(), id }];
            let partitions = 0..rng.random_range(1..6);
            changes.extend(partitions.map(|index| Change::Partition { topic_id: id, index }));
            changes
        }
    }
}

fn applied(image: &Image, changes: &[Change]) -> Image {
    let mut image = image.clone();
    changes.iter().for_each(|change| image.apply(change).unwrap());
    image
}

async fn run(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut life = Life::begin(SimulatedStorage::new(seed));
    let mut snapshots = 0;
    for _ in 0..STEPS {
        let before = life.journal.image.clone();
        let changes = change(&before, &mut rng);
        let dies = rng.random_bool(0.3);
        if dies {
            life.disk.fail_after(rng.random_range(0..25));
        }
        let committed = life.journal.commit(&changes).await;
        assert!(dies || committed.is_ok(), "{committed:?}");
        if dies {
            let crash = [Crash::Process, Crash::Power, Crash::Torn][rng.random_range(0..3)];
            life = Life::begin(life.end(crash));
        }
        let after = applied(&before, &changes);
        let may_be_lost = committed.is_err() && life.journal.image == before;
        assert!(
            life.journal.image == after || may_be_lost,
            "{before:?}\n{changes:?}\n{:?}",
            life.journal.image
        );
        let kept = life.files(".checkpoint").len();
        assert!(kept <= 1, "{:?}", life.files(".checkpoint"));
        assert!(dies || life.log_bytes() < SNAPSHOT_BYTES + 2 * CHANGE_BYTES, "{} bytes", life.log_bytes());
        snapshots += usize::from(kept > 0);
    }
    assert!(snapshots > 0, "no snapshot was written");
}

#[test]
fn acknowledged_changes_outlive_power_cuts_at_any_step_of_a_snapshot() {
    let seeds = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in 0..seeds {
        if let Err(panic) =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(run(seed))))
        {
            println!("failing seed: {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn topic(number: u128) -> Vec<Change> {
    let id = Uuid::from_u128(number);
    vec![Change::Topic { name: id.to_string().into(), id }, Change::Partition { topic_id: id, index: 0 }]
}

async fn with_topics(settings: &Settings, count: u128) -> Life {
    let mut life = open(SimulatedStorage::new(1), settings).unwrap();
    for number in 0..count {
        life.journal.commit(&topic(number)).await.unwrap();
    }
    life
}

#[tokio::test]
async fn a_snapshot_is_written_when_the_log_has_grown_by_so_many_bytes() {
    for (bytes, written) in [("100000", 0), ("1000", 1)] {
        let settings = settings(&[("metadata.log.max.record.bytes.between.snapshots", bytes)]);
        assert_eq!(with_topics(&settings, 20).await.files(".checkpoint").len(), written);
    }
}

#[tokio::test]
async fn a_snapshot_is_written_at_the_first_change_after_its_interval() {
    for (interval, written) in [("0", 0), ("3600000", 0), ("1", 1)] {
        let settings = settings(&[("metadata.log.max.snapshot.interval.ms", interval)]);
        let mut life = with_topics(&settings, 1).await;
        std::thread::sleep(std::time::Duration::from_millis(2));
        life.journal.commit(&topic(100)).await.unwrap();
        assert_eq!(life.files(".checkpoint").len(), written, "{interval} ms");
    }
}

/// A start that took damage for emptiness would remove every topic.
#[tokio::test]
async fn damage_to_the_log_or_to_its_snapshot_ends_the_start() {
    for (bytes, ending) in [("1000", ".checkpoint"), ("1000", ".log"), ("100000", ".log")] {
        let settings = settings(&[("metadata.log.max.record.bytes.between.snapshots", bytes)]);
        let mut life = with_topics(&settings, 20).await;
        // Several batches, so that the one that is damaged does not pass for the torn end of the log.
        for number in 100.. {
            life.journal.commit(&topic(number)).await.unwrap();
            if life.log_bytes() > 500 {
                break;
            }
        }
        let damaged = life.files(ending).pop().unwrap();
        let disk = life.end(Crash::Process);
        disk.damage(&directory().join(damaged), |bytes| bytes[70] ^= 1);
        let refused = open(disk, &settings).err().unwrap();
        assert!(matches!(refused, BrokerError::Metadata { .. }), "{ending}: {refused}");
    }
}

#[tokio::test]
async fn a_metadata_log_that_is_missing_ends_the_start() {
    let settings = settings(&[]);
    let disk = SimulatedStorage::new(1);
    let opened = |disk: &SimulatedStorage| {
        let options = LogsOptions { background: false, ..LogsOptions::new("/data", NodeId(1)) };
        Metadata::open(Logs::open(options, Arc::new(disk.clone()))?, &settings, BTreeMap::new())
    };
    let metadata = opened(&disk).unwrap();
    let topic = metadata.create_topic(NewTopic::with_defaults("kept")).await.unwrap();
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.append(now_ms(), None, Some(b"x"), []);
    topic.partitions[0].append(writer.finish().unwrap(), AppendOrigin::Client, now_ms()).unwrap();
    drop((topic, metadata));
    disk.crash(Crash::Process);
    disk.remove_dir(&directory()).unwrap();
    let refused = opened(&disk).err().unwrap().to_string();
    assert!(refused.contains("kept-0"), "{refused}");
    assert!(disk.list(Path::new("/data/kept-0")).is_ok(), "nothing was removed");
}
