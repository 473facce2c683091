//! What a dead process has left in its broker's data, and what a live one answers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Admin, Consumer, Event, TopicPartition};
use millstream_examples::word_count::words;

pub(crate) const NOVEL: &str = include_str!("../../data/moby-dick.txt");
pub(crate) const PARTITIONS: i32 = 2;

const GROUP: &str = "word-count";
const LINES: &str = "lines";
const TOTALS: &str = "word-totals";
const REPARTITION: &str = "word-count-word-counts-repartition";

pub(crate) type Counts = BTreeMap<String, i64>;

/// What `tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c` says.
pub(crate) fn truth() -> Counts {
    let mut counts = Counts::new();
    words(NOVEL).for_each(|word| *counts.entry(word.to_string()).or_default() += 1);
    counts
}

/// The broker of a run that has ended, serving its data once more.
pub(crate) struct Evidence {
    broker: Broker,
    admin: Admin,
}

impl Evidence {
    pub(crate) fn open(data: &Path) -> Self {
        let config = BrokerConfig::new(data.join("broker")).listen("127.0.0.1:0");
        let broker = Broker::start_blocking(config).unwrap();
        let admin = Admin::builder().bootstrap(&broker.bootstrap()).build_blocking().unwrap();
        Self { broker, admin }
    }

    pub(crate) fn close(self) {
        drop(self.admin);
        self.broker.close_blocking();
    }

    fn exists(&self, topic: &str) -> bool {
        let topics = self.admin.blocking(self.admin.list_topics()).unwrap();
        topics.iter().any(|listed| &*listed.name == topic)
    }

    /// The ends of a topic's partitions; zeros where it does not exist yet.
    fn ends(&self, topic: &str) -> Vec<i64> {
        if !self.exists(topic) {
            return vec![0; PARTITIONS as usize];
        }
        let partitions = (0..PARTITIONS).map(|partition| TopicPartition::new(topic, partition));
        let asked = partitions.clone().map(|partition| (partition, -1));
        let found = self.admin.blocking(self.admin.list_offsets(asked)).unwrap();
        partitions.map(|partition| found[&partition].map_or(0, |end| end.offset)).collect()
    }

    fn committed(&self, topic: &str) -> Vec<i64> {
        let found = self.admin.blocking(self.admin.group_offsets(GROUP)).unwrap_or_default();
        let partitions = (0..PARTITIONS).map(|partition| TopicPartition::new(topic, partition));
        partitions.map(|partition| found.get(&partition).map_or(0, |offset| offset.offset)).collect()
    }

    /// Words of the lines that are committed.
    pub(crate) fn words_committed(&self) -> i64 {
        let committed = self.committed(LINES);
        let is_committed = |number: usize| {
            let (line, partition) = (number / PARTITIONS as usize, number % PARTITIONS as usize);
            (line as i64) < committed[partition]
        };
        let lines = NOVEL.lines().enumerate().filter(|(number, _)| is_committed(*number));
        lines.map(|(_, line)| words(line).count() as i64).sum()
    }

    /// Words that were written to the repartition topic.
    pub(crate) fn words_repartitioned(&self) -> i64 {
        self.ends(REPARTITION).iter().sum()
    }

    /// Words in the repartition topic whose counting is not committed.
    pub(crate) fn words_uncounted(&self) -> i64 {
        self.words_repartitioned() - self.committed(REPARTITION).iter().sum::<i64>()
    }

    /// The last total of each word.
    pub(crate) fn totals(&self) -> Counts {
        let mut consumer = Consumer::builder().bootstrap(&self.broker.bootstrap()).build_blocking().unwrap();
        let mut left: i64 = self.ends(TOTALS).iter().sum();
        for partition in 0..PARTITIONS {
            consumer.assign_at(TopicPartition::new(TOTALS, partition), millstream_client::Offset(0));
        }
        let mut totals = Counts::new();
        while left > 0 {
            let Some(Event::Fetched(fetched)) = consumer.poll_blocking(Duration::from_secs(30)).unwrap()
            else {
                panic!("{left} records of {TOTALS} do not arrive");
            };
            left -= fetched.next_offset - fetched.offset;
            let mut take = |record: &millstream_client::Record<'_>| {
                let word = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                totals.insert(word, i64::from_be_bytes(record.value.unwrap().try_into().unwrap()));
                Ok(())
            };
            fetched.for_each(&mut take).unwrap();
        }
        totals
    }
}

/// All entries of the store, by HTTP, page by page.
pub(crate) fn ask_for_all(address: &str) -> Counts {
    let mut counts = Counts::new();
    loop {
        let from = counts.last_key_value().map_or("", |(word, _)| word.as_str());
        let page = get(address, &format!("/stores/word-counts?limit=5000&from={from}"));
        for entry in page["entries"].as_array().unwrap() {
            counts.insert(entry["key"].as_str().unwrap().to_owned(), entry["value"].as_i64().unwrap());
        }
        if page["complete"] == true {
            return counts;
        }
    }
}

fn get(address: &str, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}
