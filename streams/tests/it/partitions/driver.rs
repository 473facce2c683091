//! What a test sees of partitions.

use millstream::prelude::*;
use millstream::testing::{Placed, TestError};

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");
const WORDS: Topic<Option<String>, String> = Topic::new("words");
const COUNTED: Topic<String, i64> = Topic::new("counted");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

fn counting() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream(WORDS).group_by(|_, word| word.clone()).count(COUNTS).to(COUNTED);
    builder.build().unwrap()
}

/// Partition and offset of each record.
fn places<K, V>(records: &[Placed<K, V>]) -> Vec<(i32, i64)> {
    records.iter().map(|placed| (placed.partition, placed.offset)).collect()
}

#[test]
fn a_repartition_topic_brings_a_key_to_one_task() {
    let mut driver = TestDriver::builder(&counting()).partitions(4).build().unwrap();
    for partition in 0..4 {
        driver.input(WORDS).partition(partition).send_value("whale").unwrap();
    }
    let counted = driver.output(COUNTED).drain_placed();
    let counts: Vec<i64> = counted.iter().map(|placed| placed.record.value).collect();
    assert_eq!(counts, [1, 2, 3, 4]);
    // Kafka's hash of the key says 1 of four.
    assert_eq!(places(&counted), [(1, 0), (1, 1), (1, 2), (1, 3)]);
    let through = driver.output(Topic::<String, String>::new("counts-repartition")).drain_placed();
    assert_eq!(places(&through), [(1, 0), (1, 1), (1, 2), (1, 3)]);
    let store = || driver.store(COUNTS).unwrap();
    assert_eq!(store().get("whale").unwrap(), Some(4));
    assert_eq!(store().partition(1).unwrap().all().unwrap(), [("whale".to_owned(), 4)]);
    assert_eq!(store().partition(2).unwrap().all().unwrap(), []);
    let Err(error) = store().partition(4) else { panic!("a partition that is not there") };
    assert!(matches!(error, TestError::UnknownPartition { partition: 4, .. }), "{error}");
}

#[test]
fn records_without_a_key_go_to_each_partition_in_turn() {
    let builder = StreamsBuilder::new();
    builder.stream(WORDS).to(Topic::<Option<String>, String>::new("words-again"));
    let mut driver =
        TestDriver::builder(&builder.build().unwrap()).partitions_of("words", 3).build().unwrap();
    for word in ["a", "b", "c", "d"] {
        driver.input(WORDS).send_value(word).unwrap();
    }
    let again = driver.output(Topic::<Option<String>, String>::new("words-again")).drain_placed();
    assert_eq!(places(&again), [(0, 0), (0, 1), (0, 2), (0, 3)], "a topic has one partition by default");
    let wrong = driver.input(WORDS).partition(3).send_value("e").unwrap_err();
    assert!(matches!(wrong, TestError::UnknownPartition { partition: 3, .. }), "{wrong}");
}

#[test]
fn outputs_are_read_by_partition_and_partitioners_choose_it() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(OUT).partitioned_by(|_, value, partitions| value.len() as i32 % partitions);
    let mut driver = TestDriver::builder(&builder.build().unwrap()).partitions(3).build().unwrap();
    for value in ["four", "three", "six"] {
        driver.input(IN).send("key", value).unwrap();
    }
    assert_eq!(driver.output(OUT).partition(1).drain(), [record("key", "four")]);
    assert_eq!(places(&driver.output(OUT).drain_placed()), [(2, 0), (0, 0)]);
    assert!(driver.output(OUT).is_empty());
}

#[test]
fn tables_meet_streams_in_their_partition_and_nowhere_else() {
    const USERS: Topic<String, String> = Topic::new("users");
    let builder = StreamsBuilder::new();
    let users = builder.table(USERS);
    builder.stream(IN).join_table(&users, |text, user| format!("{text} {user}")).to(OUT);
    let topology = builder.build().unwrap();

    let mut driver = TestDriver::builder(&topology).partitions(3).build().unwrap();
    driver.input(USERS).send("ada", "London").unwrap();
    driver.input(IN).send("ada", "in").unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("ada", "in London")]);
    driver.input(USERS).partition(0).send("bob", "Paris").unwrap();
    driver.input(IN).partition(1).send("bob", "in").unwrap();
    assert!(driver.output(OUT).is_empty(), "a table is looked up in the partition of the stream's record");

    let Err(error) = TestDriver::builder(&topology).partitions(3).partitions_of("users", 2).build() else {
        panic!("topics of different widths are joined");
    };
    assert!(error.to_string().contains("meet in one task"), "{error}");
}

#[test]
fn a_global_table_is_one_for_all_partitions() {
    const CITIES: Topic<String, String> = Topic::new("cities");
    const BY_NAME: KeyValueStore<String, String> = KeyValueStore::new("by-name");
    let builder = StreamsBuilder::new();
    let cities = builder.global_table_in(CITIES, BY_NAME);
    builder.stream(IN).join_global(&cities, |_, name| name.clone(), |_, city| city.clone()).to(OUT);
    let topology = builder.build().unwrap();
    let mut driver = TestDriver::builder(&topology).partitions(2).partitions_of("cities", 5).build().unwrap();
    for (partition, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        driver.input(CITIES).partition(partition as i32).send(name, format!("{name}-town")).unwrap();
    }
    for partition in 0..2 {
        driver.input(IN).partition(partition).send("key", "e").unwrap();
    }
    assert_eq!(driver.output(OUT).drain(), [record("key", "e-town"), record("key", "e-town")]);
    assert_eq!(driver.store(BY_NAME).unwrap().all().unwrap().len(), 5);
}

#[test]
fn topics_of_a_pattern_and_dynamic_topics_have_their_own_partitions() {
    let builder = StreamsBuilder::new();
    builder
        .stream(Topics::<String, String>::matching("sensor-[a-z]+"))
        .to_dynamic(|record| format!("{}-out", record.value));
    let topology = builder.build().unwrap();
    let mut driver = TestDriver::builder(&topology)
        .partitions_of("sensor-wide", 4)
        .partitions_of("x-out", 8)
        .build()
        .unwrap();
    driver.input(Topic::<String, String>::new("sensor-wide")).partition(3).send("key", "x").unwrap();
    driver.input(Topic::<String, String>::new("sensor-other")).partition(0).send("key", "y").unwrap();
    // Kafka's hash of `key` says 1 of eight.
    assert_eq!(places(&driver.output(Topic::<String, String>::new("x-out")).drain_placed()), [(1, 0)]);
    assert_eq!(places(&driver.output(Topic::<String, String>::new("y-out")).drain_placed()), [(0, 0)]);
}

#[test]
fn windows_are_read_over_all_partitions_or_one() {
    const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");
    const OUT: Topic<Windowed<String>, i64> = Topic::windowed("per-minute-out", mins(1));
    let builder = StreamsBuilder::new();
    builder.stream(IN).group_by_key().windowed_by(TimeWindows::of(mins(1))).count(PER_MINUTE).to(OUT);
    let mut driver = TestDriver::builder(&builder.build().unwrap()).partitions(2).build().unwrap();
    let keys = ["a", "b", "c", "d", "e"];
    for key in keys {
        driver.input(IN).at(5).send(key, "x").unwrap();
    }
    let store = || driver.store(PER_MINUTE).unwrap();
    let by_partition: Vec<usize> =
        (0..2).map(|partition| store().partition(partition).unwrap().all().unwrap().len()).collect();
    assert!(by_partition.iter().all(|count| *count > 0) && by_partition.iter().sum::<usize>() == 5);
    assert!(keys.iter().all(|key| store().get(*key, 0).unwrap() == Some(1)));
    assert_eq!(store().fetch("a", ..).unwrap().len(), 1);
    // A windowed key lies where the key alone would.
    let partition_of = |driver: &mut TestDriver, key: &str| {
        let counts = driver.output(OUT).drain_placed();
        counts.iter().find(|placed| placed.record.key.key == key).unwrap().partition
    };
    let mut plain = TestDriver::builder(&counting()).partitions(2).build().unwrap();
    plain.input(WORDS).send_value("a").unwrap();
    assert_eq!(partition_of(&mut driver, "a"), plain.output(COUNTED).drain_placed()[0].partition);
}

#[test]
fn each_task_has_a_stream_time_and_timers_of_its_own() {
    struct Ticks(i32);
    impl Processor<String, String> for Ticks {
        type Out = (String, String);

        fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
            self.0 = cx.task_id().partition;
            cx.schedule(PunctuationKind::WallClock, secs(10));
            Ok(())
        }

        fn process(
            &mut self,
            record: Record<String, String>,
            cx: &mut Context<Self::Out>,
        ) -> Result<(), ProcessError> {
            let text = format!("task {} at {}", self.0, cx.stream_time());
            cx.forward(record.with_value(text));
            Ok(())
        }

        fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
            cx.forward(Record::new("tick".to_owned(), format!("task {}", self.0), at.time));
            Ok(())
        }
    }
    let builder = StreamsBuilder::new();
    builder.stream(IN).process(|_| Ticks(-1)).to(OUT);
    let mut driver =
        TestDriver::builder(&builder.build().unwrap()).partitions(2).wall_clock(5_000).build().unwrap();
    driver.input(IN).partition(0).at(100).send("k", "").unwrap();
    driver.input(IN).partition(1).at(50).send("k", "").unwrap();
    let texts: Vec<String> = driver.output(OUT).drain().into_iter().map(|record| record.value).collect();
    assert_eq!(texts, ["task 0 at 100", "task 1 at 50"]);
    driver.advance_wall_clock(secs(10)).unwrap();
    let ticks = [record("tick", "task 0").at(15_000), record("tick", "task 1").at(15_000)];
    assert_eq!(driver.output(OUT).drain(), ticks);
}
