//! Dead letters are the records that were read, to the byte.

use millstream_client::{Header, Producer, ProducerRecord, Record};
use millstream_connect::herder::Worker;

use super::broker::{bootstrap, committed, read, topic_of, unique};
use super::shelf::{Behaviour, ShelfState};
use super::worker::{OneTask, eventually, position_file};

type Bytes = Option<Vec<u8>>;
type Said = Option<&'static [u8]>;

/// A record as it lies in a topic.
#[derive(Debug, PartialEq, Eq)]
struct Raw {
    key: Bytes,
    value: Bytes,
    headers: Vec<(Vec<u8>, Bytes)>,
    timestamp: i64,
}

impl Raw {
    fn of(record: &Record<'_>) -> Self {
        let header = |header: Header<'_>| (header.key.to_vec(), header.value.map(<[u8]>::to_vec));
        Self {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.into_iter().map(header).collect(),
            timestamp: record.timestamp,
        }
    }

    async fn all_of(topic: &str) -> Vec<Self> {
        let mut all = Vec::new();
        read(topic, |_, record| all.push(Self::of(record))).await;
        all.sort_by_key(|raw| raw.timestamp);
        all
    }

    /// Takes off what the letter says of itself. Which names that were, without their prefix.
    fn undone(&mut self) -> Vec<String> {
        let is_own = |(key, _): &(Vec<u8>, Bytes)| !key.starts_with(b"__connect.errors.");
        let told = self.headers.iter().position(|header| !is_own(header)).unwrap_or(self.headers.len());
        let told = self.headers.split_off(told);
        assert!(!told.iter().any(is_own), "the letter's own come last: {told:?}");
        told.into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap()["__connect.errors.".len()..].to_owned())
            .collect()
    }
}

/// None of them gets through: keys and values that do not convert, and what the shelf refuses.
const BAD: [(Said, Said); 6] = [
    (Some(b"1"), Some(b"\x00\xff\x80")),
    (Some(b"\xff{"), None),
    (Some(b"{"), Some(b"")),
    (None, Some(b"{")),
    (Some(b" 1 "), Some(b" \"poison\" ")),
    (None, Some(b"\"poison\"")),
];

async fn write(topic: &str) {
    let headers = [
        Header { key: b"twice", value: Some(b"\xff") },
        Header { key: b"twice", value: None },
        Header { key: b"", value: Some(b"") },
    ];
    let producer = Producer::builder().bootstrap(&bootstrap().await).build().await.unwrap();
    // Recent, so that retention lets them be.
    let begin = chrono::Utc::now().timestamp_millis() - 3_600_000;
    for (number, (key, value)) in (0_i64..).zip(BAD) {
        let record = ProducerRecord {
            key,
            value,
            headers: if number % 2 == 0 { &headers } else { &[] },
            timestamp: Some(begin + number),
            ..ProducerRecord::to(topic)
        };
        drop(producer.send(record).await.unwrap());
    }
    producer.close().await.unwrap();
}

#[tokio::test]
async fn a_dead_letter_is_the_record_that_was_read_and_tells_of_itself_only_if_it_may() {
    for context in ["true", "false"] {
        let topic = topic_of("bad", 1, []).await;
        write(&topic).await;
        let (name, dir) = (unique("shelf"), tempfile::tempdir().unwrap());
        let poison = Some("poison".to_owned());
        *ShelfState::named(&name).behaviour.lock() = Behaviour { poison, ..Behaviour::default() };
        let pairs = [
            ("connector.class", "shelf"),
            ("topics", topic.as_str()),
            ("shelf.name", name.as_str()),
            ("key.converter", "json"),
            ("key.converter.schemas.enable", "false"),
            ("value.converter", "json"),
            ("value.converter.schemas.enable", "false"),
            ("errors.deadletterqueue.context.headers.enable", context),
        ];
        let task = OneTask::start(&name, &pairs, position_file(&dir)).await;
        let group = format!("connect-{name}");
        eventually("the commit", async || committed(&group).await == 6).await;
        let metrics = task.metrics();
        assert_eq!((metrics.records_failed, metrics.dead_letters), (6, 6));
        task.runner.stop(&task.id).await;
        let mut letters = Raw::all_of(&format!("{name}.dlq")).await;
        let told: Vec<usize> = letters.iter_mut().map(|letter| letter.undone().len()).collect();
        assert_eq!(told, [if context == "true" { 10 } else { 0 }; 6]);
        assert_eq!(letters, Raw::all_of(&topic).await);
    }
}
