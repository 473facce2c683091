//! What a process has left in the topics: read while it is dead.

use std::path::Path;
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{
    Admin, ConfigResource, Consumer, Event, NewTopic, Offset, Producer, ProducerRecord, Record,
    TopicPartition,
};

use crate::counts::{Counts, of_lines};

pub(crate) const PARTITIONS: i32 = 2;
pub(crate) const REPARTITION: &str = "word-count-word-counts-repartition";
pub(crate) const CHANGELOG: &str = "word-count-word-counts-changelog";

const GROUP: &str = "word-count";
const LINES: &str = "lines";
const TOTALS: &str = "word-totals";

const START: i64 = -2;
const END: i64 = -1;

/// An offset for each partition of a topic.
pub(crate) type Offsets = [i64; PARTITIONS as usize];

/// The topics of a cluster.
pub(crate) struct Evidence {
    bootstrap: String,
    admin: Admin,
}

/// The broker of a run that has ended, serving its data once more.
pub(crate) struct Exhumed {
    broker: Broker,
    pub(crate) evidence: Evidence,
}

impl Exhumed {
    pub(crate) fn open(data: &Path) -> Self {
        let config = BrokerConfig::new(data.join("broker")).listen("127.0.0.1:0");
        let broker = Broker::start_blocking(config).unwrap();
        Self { evidence: Evidence::on(&broker.bootstrap()), broker }
    }

    pub(crate) fn close(self) {
        drop(self.evidence);
        self.broker.close_blocking();
    }
}

impl Evidence {
    pub(crate) fn on(bootstrap: &str) -> Self {
        let admin = Admin::builder().bootstrap(bootstrap).build_blocking().unwrap();
        Self { bootstrap: bootstrap.to_owned(), admin }
    }

    fn exists(&self, topic: &str) -> bool {
        let topics = self.admin.blocking(self.admin.list_topics()).unwrap();
        topics.iter().any(|listed| &*listed.name == topic)
    }

    /// The first offsets of a topic; zeros where it does not exist yet.
    pub(crate) fn starts(&self, topic: &str) -> Offsets {
        self.offsets(topic, START)
    }

    /// The ends of a topic's partitions; zeros where it does not exist yet.
    pub(crate) fn ends(&self, topic: &str) -> Offsets {
        self.offsets(topic, END)
    }

    fn offsets(&self, topic: &str, at: i64) -> Offsets {
        if !self.exists(topic) {
            return Offsets::default();
        }
        let partitions = (0..PARTITIONS).map(|partition| TopicPartition::new(topic, partition));
        let asked = partitions.clone().map(|partition| (partition, at));
        let found = self.admin.blocking(self.admin.list_offsets(asked)).unwrap();
        let mut offsets = Offsets::default();
        for (offset, partition) in offsets.iter_mut().zip(partitions) {
            *offset = found[&partition].map_or(0, |found| found.offset);
        }
        offsets
    }

    fn committed(&self, topic: &str) -> Offsets {
        let found = self.admin.blocking(self.admin.group_offsets(GROUP)).unwrap_or_default();
        let mut offsets = Offsets::default();
        for (offset, partition) in offsets.iter_mut().zip(0..) {
            let partition = TopicPartition::new(topic, partition);
            *offset = found.get(&partition).map_or(0, |committed| committed.offset);
        }
        offsets
    }

    /// Creates the topics that the program creates before it starts to count.
    pub(crate) fn create_topics(&self) {
        let topics = [LINES, TOTALS].map(|topic| NewTopic::new(topic, PARTITIONS));
        let created = self.admin.blocking(self.admin.create_topics(topics)).unwrap();
        assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
    }

    /// Sends lines as the program does, in turns to the partitions.
    pub(crate) fn feed<'a>(&self, lines: impl Iterator<Item = &'a str>) {
        let producer = Producer::builder().bootstrap(&self.bootstrap).build_blocking().unwrap();
        for (line, partition) in lines.zip((0..PARTITIONS).cycle()) {
            let record = ProducerRecord::to(LINES).partition(partition).value(line.as_bytes());
            drop(producer.send_blocking(record).unwrap());
        }
        producer.flush_blocking().unwrap();
    }

    /// How many partitions each process that takes part has.
    pub(crate) fn shares(&self) -> Vec<usize> {
        let described = self.admin.blocking(async { Ok(self.admin.describe_groups([GROUP]).await) }).unwrap();
        let groups = described.into_iter().filter_map(|(_, group)| group.ok());
        groups.flat_map(|group| group.members).map(|member| member.partitions.len()).collect()
    }

    /// Whether all lines and words that there are have been counted and committed.
    pub(crate) fn is_counted(&self) -> bool {
        [LINES, REPARTITION].iter().all(|topic| self.committed(topic) == self.ends(topic))
    }

    pub(crate) fn config(&self, topic: &str, name: &str) -> String {
        let described = self.admin.describe_configs([ConfigResource::Topic(topic.to_owned())]);
        let (_, entries) = self.admin.blocking(described).unwrap().pop().unwrap();
        entries.unwrap().into_iter().find(|entry| entry.name == name).unwrap().value.unwrap()
    }

    /// The words of the lines of `text` that are committed, and of those that are not.
    pub(crate) fn lines(&self, text: &str) -> (Counts, Counts) {
        let committed = self.committed(LINES);
        let lines = text.lines().enumerate().partition::<Vec<_>, _>(|(number, _)| {
            let (line, partition) = (number / PARTITIONS as usize, number % PARTITIONS as usize);
            (line as i64) < committed[partition]
        });
        let counts = |lines: Vec<(usize, &str)>| of_lines(lines.into_iter().map(|(_, line)| line));
        (counts(lines.0), counts(lines.1))
    }

    /// The words in the repartition topic whose counting is committed, and the others.
    pub(crate) fn repartitioned(&self) -> (Counts, Counts) {
        let committed = self.committed(REPARTITION);
        let (mut counted, mut others) = (Counts::new(), Counts::new());
        self.read(REPARTITION, |partition, record| {
            let is_counted = record.offset.0 < committed[partition as usize];
            let counts = if is_counted { &mut counted } else { &mut others };
            *counts.entry(word(record)).or_default() += 1;
        });
        (counted, others)
    }

    /// The last total of each word.
    pub(crate) fn totals(&self) -> Counts {
        self.last_counts(TOTALS)
    }

    /// What a store that is restored holds.
    pub(crate) fn changelog(&self) -> Counts {
        self.last_counts(CHANGELOG)
    }

    fn last_counts(&self, topic: &str) -> Counts {
        let mut counts = Counts::new();
        self.read(topic, |_, record| {
            counts.insert(word(record), i64::from_be_bytes(record.value.unwrap().try_into().unwrap()));
        });
        counts
    }

    /// Reads a topic from its start to its end.
    fn read(&self, topic: &str, mut each: impl FnMut(i32, &Record<'_>)) {
        let (starts, ends) = (self.starts(topic), self.ends(topic));
        let mut left: i64 = ends.iter().sum::<i64>() - starts.iter().sum::<i64>();
        let mut consumer = Consumer::builder().bootstrap(&self.bootstrap).build_blocking().unwrap();
        for (partition, start) in (0..).zip(starts) {
            consumer.assign_at(TopicPartition::new(topic, partition), Offset(start));
        }
        while left > 0 {
            let Some(Event::Fetched(fetched)) = consumer.poll_blocking(Duration::from_secs(60)).unwrap()
            else {
                panic!("{left} records of {topic} do not arrive");
            };
            left -= fetched.next_offset - fetched.offset;
            let partition = fetched.partition.partition;
            fetched
                .for_each(|record| {
                    each(partition, record);
                    Ok(())
                })
                .unwrap();
        }
    }
}

fn word(record: &Record<'_>) -> String {
    String::from_utf8(record.key.unwrap().to_vec()).unwrap()
}

/// What the partitions of a topic take on the disk of an embedded broker.
pub(crate) fn bytes_of(data: &Path, topic: &str) -> u64 {
    let Ok(partitions) = std::fs::read_dir(data.join("broker")) else { return 0 };
    let partitions = partitions.map(|entry| entry.unwrap().path());
    let ours = partitions.filter(|path| path.to_string_lossy().contains(topic));
    let files = ours.filter_map(|path| std::fs::read_dir(path).ok()).flatten().map(|entry| entry.unwrap());
    files.map(|file| file.metadata().map_or(0, |file| file.len())).sum()
}
