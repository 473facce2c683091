//! What is counted, against what is known of the input.

mod application;

use millstream::metrics::TaskMetrics;
use millstream::prelude::*;

const LINES: Topic<Option<String>, String> = Topic::new("lines");
const NUMBERS: Topic<Option<String>, i64> = Topic::new("numbers");

fn word_count() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to(Topic::<String, i64>::new("counts"));
    builder.build().unwrap()
}

/// The nodes of a sub-topology with the records that each took.
fn taken(tasks: &[TaskMetrics], subtopology: u32) -> Vec<(&str, u64)> {
    let nodes = tasks.iter().filter(|task| task.task.subtopology == subtopology).flat_map(|task| &task.nodes);
    nodes.map(|node| (node.node.as_str(), node.records)).collect()
}

#[test]
fn every_node_of_the_word_count_is_counted_exactly() {
    let mut driver = TestDriver::new(&word_count()).unwrap();
    for line in ["the whale the sea", "the end"] {
        driver.input(LINES).send_value(line).unwrap();
    }
    let tasks = driver.metrics();
    let split = [
        ("KSTREAM-SOURCE-0000000000", 2),
        ("KSTREAM-FLATMAPVALUES-0000000001", 2),
        ("KSTREAM-KEY-SELECT-0000000002", 6),
        ("word-counts-repartition-filter", 6),
        ("word-counts-repartition-sink", 6),
    ];
    assert_eq!(taken(&tasks, 0), split);
    // Each record is committed by itself, so every update leaves the cache.
    let counted = [
        ("word-counts-repartition-source", 6),
        ("KSTREAM-AGGREGATE-0000000003", 6),
        ("KTABLE-TOSTREAM-0000000007", 6),
        ("KSTREAM-SINK-0000000008", 6),
    ];
    assert_eq!(taken(&tasks, 1), counted);
    let [split, counted] = &tasks[..] else { panic!("{} tasks", tasks.len()) };
    assert_eq!((split.records, counted.records), (2, 6));
    let [store] = &counted.stores[..] else { panic!("{:?}", counted.stores) };
    assert_eq!((store.store.as_str(), store.cache_hits, store.cache_misses), ("word-counts", 2, 4));
    assert_eq!(counted.sent_latency.count, 6);
}

#[test]
fn merged_and_split_streams_are_counted_on_every_way() {
    let builder = StreamsBuilder::new();
    let split = builder.stream(NUMBERS).split();
    let large = split.branch(|_, n| *n > 10);
    let rest = split.rest();
    large.map_values(|n| n / 10).merge(&rest.filter(|_, n| *n != 5)).to(Topic::new("out"));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    [1, 5, 20, 30].into_iter().for_each(|n| driver.input(NUMBERS).send_value(n).unwrap());

    let tasks = driver.metrics();
    let known = [
        ("KSTREAM-SOURCE-0000000000", 4),
        ("KSTREAM-BRANCH-0000000001", 4),
        ("KSTREAM-BRANCH-00000000011", 2),
        ("KSTREAM-BRANCH-00000000010", 2),
        ("KSTREAM-MAPVALUES-0000000004", 2),
        ("KSTREAM-FILTER-0000000005", 2),
        ("KSTREAM-MERGE-0000000006", 3),
        ("KSTREAM-SINK-0000000007", 3),
    ];
    for (node, records) in known {
        assert_eq!(tasks[0].node(node), Some(records), "{node} of {:?}", taken(&tasks, 0));
    }
}

#[test]
fn what_is_late_or_dropped_is_counted() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream(NUMBERS).group_by_key().count("n");
    counts.to_stream().for_each(|_, _| {});
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for time in [1_000, 400, 2_000, 1_990] {
        driver.input(NUMBERS).at(time).send(Some("a".to_owned()), 1).unwrap();
    }
    driver.input(NUMBERS).at(2_000).send(None, 1).unwrap();

    let [task] = &driver.metrics()[..] else { panic!("one task") };
    let late = task.lateness;
    assert_eq!((late.count, late.min_us, late.max_us, late.sum_us), (2, 10_000, 600_000, 610_000));
    assert_eq!((task.dropped, task.records, task.stream_time), (1, 5, 2_000));
    assert_eq!(task.node("KSTREAM-AGGREGATE-0000000001"), Some(5));
}

#[test]
fn latency_is_the_time_between_record_and_clock() {
    let builder = StreamsBuilder::new();
    builder.stream(NUMBERS).to(Topic::new("out"));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.advance_wall_clock(millis(5_000)).unwrap();
    driver.input(NUMBERS).at(3_500).send_value(1).unwrap();
    let [task] = &driver.metrics()[..] else { panic!("one task") };
    for latency in [task.read_latency, task.sent_latency] {
        assert_eq!((latency.count, latency.min_us, latency.max_us), (1, 1_500_000, 1_500_000));
    }
}
