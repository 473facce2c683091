//! What the topologies read: seeded, so that both sides and every round read the same.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use millstream_client::{Admin, NewTopic, Producer, ProducerRecord};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};

use crate::node::Node;

/// The topic that is read.
pub(crate) const INPUT: &str = "input";

/// The topic that is written.
pub(crate) const OUTPUT: &str = "output";

const SEED: u64 = 4;
const USERS: u64 = 100_000;
const PAGES: u64 = 2_000;

/// Events of the windowed count per second of event time.
const EVENTS_PER_SECOND: i64 = 1_000;

/// How late an event of the windowed count may be, in milliseconds.
const LATENESS_MS: i64 = 30_000;

/// A record to be sent; the buffers serve one after the other.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    /// `None`: the time of sending.
    pub(crate) timestamp: Option<i64>,
}

/// Makes both topics.
pub(crate) fn create_topics(node: &Node, input_partitions: i32) -> Result<()> {
    let admin = Admin::builder().bootstrap(&node.bootstrap).build_blocking()?;
    let topics = [NewTopic::new(INPUT, input_partitions), NewTopic::new(OUTPUT, 1)];
    for (_, created) in admin.blocking(admin.create_topics(topics))? {
        created?;
    }
    Ok(())
}

/// Fills the input with so many records.
pub(crate) fn load(node: &Node, records: u64, mut write: impl FnMut(u64, &mut Draft)) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let producer = Producer::builder()
            .bootstrap(&node.bootstrap)
            .set("linger.ms", "20")?
            .set("batch.size", "262144")?;
        let producer = producer.build().await?;
        let mut draft = Draft::default();
        for nth in 0..records {
            draft.key.clear();
            draft.value.clear();
            write(nth, &mut draft);
            let mut record = ProducerRecord::to(INPUT).key(&draft.key).value(&draft.value);
            record.timestamp = draft.timestamp;
            // What the broker refuses shows in the flush.
            drop(producer.send(record).await?);
        }
        producer.flush().await?;
        Ok(producer.close().await?)
    })
}

/// Requests of users, nine of ten answered with 200.
pub(crate) fn requests() -> impl FnMut(u64, &mut Draft) {
    let mut random = StdRng::seed_from_u64(SEED);
    move |_, draft| {
        let status = if random.random_range(0..10) == 0 { 404 } else { 200 };
        let (user, page) = (random.random_range(0..USERS), random.random_range(0..PAGES));
        let _ = write!(draft.key, "user-{user}");
        draft.value.extend_from_slice(format!("GET /page/{page} {status}").as_bytes());
    }
}

/// A number for each of so many keys, in one random order after the other.
pub(crate) fn amounts(keys: u64) -> impl FnMut(u64, &mut Draft) {
    let mut shuffled = Shuffled::new(keys);
    move |nth, draft| {
        shuffled.write_key(nth, draft);
        draft.value.extend_from_slice(&(nth as i64).to_be_bytes());
    }
}

/// A value of so many random bytes for each of so many keys, in random order.
pub(crate) fn rows(keys: u64, bytes: usize) -> impl FnMut(u64, &mut Draft) {
    let mut shuffled = Shuffled::new(keys);
    let mut random = StdRng::seed_from_u64(SEED);
    move |nth, draft| {
        shuffled.write_key(nth, draft);
        draft.value.resize(bytes, 0);
        random.fill_bytes(&mut draft.value);
    }
}

/// Views of pages, some pages far more often than others, a third of them late.
pub(crate) fn views(records: u64) -> Result<impl FnMut(u64, &mut Draft)> {
    let mut random = StdRng::seed_from_u64(SEED);
    let first = first_event(records)?;
    Ok(move |nth: u64, draft: &mut Draft| {
        let page = random.random_range(0..PAGES) * random.random_range(0..PAGES) / PAGES;
        let late = if random.random_range(0..3) == 0 { random.random_range(0..LATENESS_MS) } else { 0 };
        let _ = write!(draft.key, "/page/{page}");
        draft.value.extend_from_slice(b"view");
        draft.timestamp = Some(first + nth as i64 * 1_000 / EVENTS_PER_SECOND - late);
    })
}

/// The time (ms) of the first event, on the minute, so that the last one lies in the past: brokers refuse the future.
fn first_event(records: u64) -> Result<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let span = records as i64 * 1_000 / EVENTS_PER_SECOND;
    Ok((now - span) / 60_000 * 60_000)
}

/// Numbers of keys in random order, over and over.
struct Shuffled {
    order: Vec<u32>,
    random: StdRng,
}

impl Shuffled {
    fn new(keys: u64) -> Self {
        Self { order: (0..keys as u32).collect(), random: StdRng::seed_from_u64(SEED) }
    }

    fn write_key(&mut self, nth: u64, draft: &mut Draft) {
        let place = nth as usize % self.order.len();
        if place == 0 {
            self.order.shuffle(&mut self.random);
        }
        let _ = write!(draft.key, "key-{:012}", self.order[place]);
    }
}
