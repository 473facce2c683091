//! What stops a task, and how exactly the error says where.

use millstream::prelude::*;
use millstream::task::{At, Failure};
use millstream::testing::TestError;

const IN: Topic<String, i64> = Topic::new("in");
const OUT: Topic<String, i64> = Topic::new("out");

fn stopped(result: Result<(), TestError>) -> (At, Failure) {
    match result {
        Err(TestError::Task(error)) => (*error.at, error.failure),
        other => panic!("{other:?}"),
    }
}

fn at(offset: i64, node: &str) -> At {
    At::Record { topic: "in".into(), partition: 0, offset, node: node.into() }
}

#[test]
fn a_record_that_does_not_decode_is_named() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(IN).send("a", 1).unwrap();

    let wrong = Topic::<String, String>::new("in");
    let (place, failure) = stopped(driver.input(wrong).send("a", "no number"));
    assert_eq!(place, at(1, "KSTREAM-SOURCE-0000000000"));
    assert_eq!(failure.to_string(), "the value does not decode: 9 bytes where 8 are needed");
    assert!(matches!(failure, Failure::Process(error) if error.is_decode()));
}

#[test]
fn a_negative_timestamp_is_refused() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let (place, failure) = stopped(driver.input(IN).at(-1).send("a", 1));
    assert_eq!(place, at(0, "KSTREAM-SOURCE-0000000000"));
    assert!(failure.to_string().starts_with("timestamp -1 is before 1970"));
}

#[test]
fn a_null_does_not_decode_where_the_type_has_none() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let (_, failure) = stopped(driver.input(IN).send_tombstone("a"));
    assert_eq!(failure.to_string(), "the value does not decode: null where the type is no Option");
    let (_, failure) = stopped(driver.input(IN).send_value(1));
    assert_eq!(failure.to_string(), "the key does not decode: null where the type is no Option");
}

#[test]
fn a_panic_in_a_closure_is_caught_and_its_node_named() {
    let builder = StreamsBuilder::new();
    let checked = builder.stream(IN).map_values(|n| n).map_values(|n| 10 / n).named("divide");
    checked.filter(|_, _| true).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let (place, failure) = stopped(driver.input(IN).send("a", 0));
    assert_eq!(place, at(0, "divide"));
    assert_eq!(failure.to_string(), "a closure panicked: attempt to divide by zero");
}

#[test]
fn a_panic_below_a_flush_names_its_node() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream(IN).group_by_key().count("counts").to_stream();
    counts.peek(|_, _| panic!("no more")).named("look").to(Topic::new("out"));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let (place, failure) = stopped(driver.input(IN).send("a", 1));
    assert_eq!(place, At::Flush { node: "look".into() });
    assert_eq!(failure.to_string(), "a closure panicked: no more");
}

#[test]
fn a_value_without_bytes_names_the_sink_and_its_topic() {
    let builder = StreamsBuilder::new();
    let map = builder.stream(IN).map_values(|n| Json(std::collections::HashMap::from([((n, n), n)])));
    map.to(Topic::new("out"));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let (place, failure) = stopped(driver.input(IN).send("a", 1));
    assert_eq!(place, at(0, "KSTREAM-SINK-0000000002"));
    assert_eq!(failure.to_string(), "the value cannot be written to out: key must be a string");
}

#[test]
fn missing_keys_and_values_are_dropped_and_counted() {
    const NULLABLE: Topic<Option<String>, Option<i64>> = Topic::new("in");
    let builder = StreamsBuilder::new();
    builder.stream(NULLABLE).group_by_key().count("counts").to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(NULLABLE).send_value(1).unwrap();
    driver.input(NULLABLE).send_tombstone("a".to_owned()).unwrap();
    driver.input(NULLABLE).send("a".to_owned(), 1).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", 1)]);
    assert_eq!(driver.dropped_records(), 2);
}

#[test]
fn mistakes_in_a_topology_are_found_when_it_is_built() {
    let built = |draw: fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        draw(&builder);
        builder.build().map(|_| ()).unwrap_err()
    };
    assert_eq!(built(|_| {}), TopologyError::Empty);
    let twice = built(|b| {
        b.stream(IN).filter(|_, _| true).named("x").filter(|_, _| true).named("x").to(OUT);
    });
    assert_eq!(twice, TopologyError::DuplicateNode("x".into()));
    let twice = built(|b| {
        let grouped = b.stream(IN).group_by_key();
        let _tables = (grouped.count("n"), grouped.count("n"));
    });
    assert_eq!(twice, TopologyError::DuplicateStore("n".into()));
    let conflict = built(|b| {
        b.stream(IN).to(OUT);
        b.stream(Topic::<String, String>::new("in")).for_each(|_, _| {});
    });
    assert_eq!(conflict, TopologyError::ConflictingSources("in".into()));
    let name = built(|b| {
        b.stream(IN).filter(|_, _| true).named("no spaces").to(OUT);
    });
    assert_eq!(name, TopologyError::InvalidName("no spaces".into()));
    let name = built(|b| {
        let _table = b.table_in(IN, "a/b");
    });
    assert_eq!(name, TopologyError::InvalidName("a/b".into()));

    const A: Topic<String, String> = Topic::new("a");
    const B: Topic<String, String> = Topic::new("b");
    let overlap = built(|b| {
        b.stream([A, B]).for_each(|_, _| {});
        b.stream(A).for_each(|_, _| {});
    });
    assert_eq!(overlap, TopologyError::OverlappingSources(vec!["a".into(), "b".into()], vec!["a".into()]));

    let reset = |reset| match reset {
        Some(reset) => Consumed::from(A).offset_reset(reset),
        None => Consumed::from(A),
    };
    let (latest, earliest) = (Some(OffsetReset::Latest), Some(OffsetReset::Earliest));
    for (first, second) in [(latest, earliest), (latest, None), (None, latest), (latest, latest)] {
        let builder = StreamsBuilder::new();
        builder.stream(reset(first)).for_each(|_, _| {});
        builder.stream(reset(second)).for_each(|_, _| {});
        let mistake = builder.build().err();
        let expected = (first != second).then(|| TopologyError::ConflictingResets("a".into()));
        assert_eq!(mistake, expected, "{first:?}, {second:?}");
    }

    let pattern = built(|b| b.stream(Topics::<String, String>::matching("a(")).for_each(|_, _| {}));
    assert_eq!(pattern, TopologyError::InvalidPattern("a(".into()));
    let taken = built(|b| {
        b.stream(Topics::<String, String>::matching("[ab]")).for_each(|_, _| {});
        b.stream(A).for_each(|_, _| {});
    });
    assert_eq!(taken, TopologyError::PatternTakesTopic("[ab]".into(), "a".into()));

    let none = built(|b| {
        let _through = b.stream(A).repartition(Repartitioned::from("x").partitions(0));
    });
    assert_eq!(none, TopologyError::NoPartitions("x-repartition".into()));
    let foreign = built(|b| {
        let other = StreamsBuilder::new();
        b.stream(IN).merge(&other.stream(OUT)).for_each(|_, _| {});
    });
    assert_eq!(foreign, TopologyError::ForeignStream);
}
