//! A random life of a partition against a simple model: appends, flushes, crashes, retention, deletion of records.
//! What a high watermark promised must be there for ever after, and what is read must be what was written.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Lives simulated per test run; `MILLSTREAM_SEEDS` asks for more.
const SEEDS: u64 = 60;
const STEPS: usize = 250;

struct Model {
    rng: StdRng,
    config: LogConfig,
    /// Every record that was appended and not taken back by a crash.
    written: BTreeMap<i64, Written>,
    end: i64,
    /// The highest high watermark that anyone has seen, and so the promise.
    promised: i64,
    /// How far DeleteRecords was acknowledged.
    deleted: i64,
    now: i64,
    /// The batches of each producer: the sequence after it, the bytes, the base offset.
    producers: HashMap<i64, Vec<(i32, Bytes, i64)>>,
    /// Retention may have removed records below this.
    expired: bool,
}

/// Offset, key, value.
type Record = (i64, String, Option<String>);

#[derive(Clone, Debug, PartialEq)]
struct Written {
    key: String,
    value: Option<String>,
    timestamp: i64,
}

fn config(rng: &mut StdRng) -> LogConfig {
    LogConfig {
        durability: if rng.random_bool(0.7) { Durability::Sync } else { Durability::Page },
        segment_bytes: rng.random_range(300..3000),
        index_interval_bytes: rng.random_range(0..400),
        retention_ms: 1_000_000,
        file_delete_delay_ms: 10,
        cleanup: Cleanup { delete: true, compact: rng.random_bool(0.4) },
        min_cleanable_dirty_permille: 100,
        delete_retention_ms: 5_000,
        ..LogConfig::default()
    }
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let config = config(&mut rng);
        Self {
            rng,
            config,
            written: BTreeMap::new(),
            end: 0,
            promised: 0,
            deleted: 0,
            now: NOW,
            producers: HashMap::new(),
            expired: false,
        }
    }

    fn append(&mut self, partition: &Arc<Partition>) {
        let count = self.rng.random_range(1..4);
        let records: Vec<Written> = (0..count)
            .map(|at| Written {
                key: format!("k{}", self.rng.random_range(0..8)),
                value: self.rng.random_bool(0.8).then(|| format!("{}+{at}", self.end)),
                timestamp: self.now + i64::from(at),
            })
            .collect();
        let borrowed: Vec<_> =
            records.iter().map(|record| (Some(record.key.as_str()), record.value.as_deref())).collect();
        let id = self.rng.random_range(0..4);
        let sequence = self.producers.entry(id).or_default().last().map_or(0, |(next, ..)| *next);
        let state = if id == 0 { ProducerState::NONE } else { producer(id, 0, sequence) };
        let batch = produced(state, self.now, &borrowed);
        let appended = partition.append(batch.clone(), AppendOrigin::Client, self.now).unwrap();
        assert_eq!(appended.base_offset.0, self.end);
        assert!(!appended.duplicate);
        if id != 0 {
            self.producers.entry(id).or_default().push((sequence + count, batch, self.end));
        }
        for record in records {
            self.written.insert(self.end, record);
            self.end += 1;
        }
        self.saw(partition);
    }

    /// A time leads to the first record that is not older.
    fn seek_time(&mut self, partition: &Arc<Partition>) {
        let wanted = self.rng.random_range(self.now - 20_000..self.now + 100);
        let read = contents(partition, ReadUpTo::HighWatermark);
        let timed = read.iter().map(|(offset, ..)| (*offset, self.written[offset].timestamp));
        let expected = timed.into_iter().find(|(_, timestamp)| *timestamp >= wanted);
        let found = partition.offset_for_timestamp(wanted).unwrap();
        assert_eq!(found.map(|found| (found.offset.0, found.timestamp)), expected, "{wanted}");
    }

    /// One of the steps, in the middle of which the storage stops; nobody gets an answer. Then the crash.
    fn interrupted(&mut self, broker: &Broker, partition: &Arc<Partition>) {
        broker.disk.fail_after(self.rng.random_range(0..50));
        match self.rng.random_range(0..7) {
            0 => {
                let value = format!("{}?", self.end);
                let batch = batch_of(self.now, &[(Some("k0"), Some(&value))]);
                let _ = partition.append(batch, AppendOrigin::Client, self.now);
                let timestamp = self.now;
                self.written
                    .insert(self.end, Written { key: "k0".to_owned(), value: Some(value), timestamp });
                self.end += 1;
            }
            1 => drop(partition.flush()),
            2 => {
                self.expired = true;
                self.now += self.rng.random_range(0..900_000);
                broker.logs.retain(self.now);
            }
            3 => {
                self.expired = true;
                let to = self.rng.random_range(0..=partition.high_watermark().0);
                let _ = partition.delete_records_before(Offset(to));
            }
            4 => drop(broker.logs.checkpoint()),
            5 => drop(broker.logs.clean_dirtiest(self.now)),
            _ => drop(broker.logs.close()),
        }
        self.saw(partition);
    }

    /// A producer that got no answer sends its last batch again.
    fn retry(&mut self, partition: &Arc<Partition>) {
        let id = self.rng.random_range(1..4);
        let Some((_, batch, base)) = self.producers.get(&id).and_then(|batches| batches.last().cloned())
        else {
            return;
        };
        if base < partition.log_start_offset().0 {
            return;
        }
        let appended = partition.append(batch, AppendOrigin::Client, self.now).unwrap();
        assert_eq!((appended.duplicate, appended.base_offset.0), (true, base), "producer {id}");
    }

    fn saw(&mut self, partition: &Arc<Partition>) {
        let high_watermark = partition.high_watermark().0;
        assert!(high_watermark >= self.promised, "the high watermark went back");
        if self.config.durability == Durability::Sync {
            self.promised = high_watermark;
        }
    }

    /// After a crash: what was promised is there, and nothing is there that was not written.
    fn recovered(&mut self, partition: &Arc<Partition>) {
        assert!(!partition.is_offline(), "{partition:?}");
        let end = partition.log_end_offset().0;
        assert!(end >= self.promised, "the log ends at {end}, {} was promised", self.promised);
        assert!(end <= self.end);
        assert!(
            partition.log_start_offset().0 >= self.deleted,
            "deleted records came back: {partition:?} {}",
            self.deleted
        );
        assert_eq!(partition.high_watermark().0, end);
        self.end = end;
        self.written.split_off(&end);
        self.producers.values_mut().for_each(|batches| batches.retain(|(_, _, base)| *base < end));
        self.saw(partition);
        self.check(partition);
    }

    fn check(&mut self, partition: &Arc<Partition>) {
        let read = contents(partition, ReadUpTo::LogEnd);
        let start = partition.log_start_offset().0;
        let expected: Vec<_> = self
            .written
            .range(start..)
            .map(|(offset, record)| (*offset, record.key.clone(), record.value.clone()))
            .collect();
        if self.config.cleanup.compact {
            return check_compacted(&read, &expected);
        }
        assert_eq!(read, expected);
        assert!(self.expired || start == self.deleted);
    }

    /// From anywhere in the log a read begins with the batch that holds that offset.
    fn seek(&mut self, partition: &Arc<Partition>) {
        let (start, end) = (partition.log_start_offset().0, self.end);
        if start == end {
            return;
        }
        let from = self.rng.random_range(start..end);
        let max_bytes = self.rng.random_range(0..2000);
        let slice = partition.read(Offset(from), max_bytes, ReadUpTo::LogEnd, true).unwrap();
        let bytes = slice.bytes().unwrap();
        let batches: Vec<_> = Batches::new(&bytes).map(Result::unwrap).collect();
        if self.config.cleanup.compact {
            assert!(batches.first().is_none_or(|batch| batch.header.last_offset() >= Offset(from)));
            return;
        }
        assert!((batches[0].header.base_offset..=batches[0].header.last_offset()).contains(&Offset(from)));
        assert!(batches.len() == 1 || bytes.len() <= max_bytes, "{} of {max_bytes}", bytes.len());
    }
}

/// Nothing is there that was not written, and the last value of every key is.
fn check_compacted(read: &[Record], written: &[Record]) {
    let mut last = HashMap::new();
    for record in written {
        last.insert(&record.1, record);
    }
    assert!(read.iter().all(|record| written.contains(record)));
    assert!(read.is_sorted_by_key(|record| record.0));
    for record in last.into_values().filter(|record| record.2.is_some()) {
        assert!(read.contains(record), "{record:?} is missing from {read:?}");
    }
}

fn run(seed: u64) {
    let mut model = Model::new(seed);
    let mut broker = Broker::start(SimulatedStorage::new(seed));
    let mut partition = broker.partition(&model.config);
    for _ in 0..STEPS {
        model.now += 100;
        match model.rng.random_range(0..100) {
            0..60 => model.append(&partition),
            60..74 => partition.flush().unwrap(),
            74..80 => model.retry(&partition),
            80..82 => model.seek(&partition),
            82..83 => model.seek_time(&partition),
            83..86 => drop(broker.logs.clean_dirtiest(model.now)),
            86..88 => {
                model.expired = true;
                model.now += model.rng.random_range(0..600_000);
                broker.logs.retain(model.now);
            }
            88..90 => {
                let to = model.rng.random_range(0..=partition.high_watermark().0);
                model.deleted = partition.delete_records_before(Offset(to)).unwrap().0;
            }
            90..92 => broker.logs.checkpoint().unwrap(),
            92..94 => {
                broker.logs.close().unwrap();
                broker = broker.restart(Crash::Power);
                partition = broker.partition(&model.config);
                assert_eq!(partition.log_end_offset().0, model.end, "a clean stop loses nothing");
                model.recovered(&partition);
            }
            crash => {
                if crash >= 97 {
                    model.interrupted(&broker, &partition);
                }
                let crash = [Crash::Process, Crash::Power, Crash::Torn][crash % 3];
                broker = broker.restart(crash);
                partition = broker.partition(&model.config);
                model.recovered(&partition);
            }
        }
        model.saw(&partition);
    }
    model.check(&partition);
}

#[test]
fn random_lives_keep_their_promises() {
    let seeds = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            println!("failing seed: {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
