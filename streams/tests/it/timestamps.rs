//! Where event times come from.

use std::time::Duration;

use millstream::prelude::*;

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");

fn driver(extractor: TimestampExtractor) -> TestDriver {
    let builder = StreamsBuilder::new();
    builder.stream(Consumed::from(IN).timestamps(extractor)).to(OUT);
    TestDriver::new(&builder.build().unwrap()).unwrap()
}

fn times(driver: &mut TestDriver) -> Vec<i64> {
    driver.output(OUT).drain().into_iter().map(|record| record.timestamp).collect()
}

#[test]
fn a_record_without_a_valid_time_is_skipped_and_counted() {
    let mut driver = driver(TimestampExtractor::LogAndSkipOnInvalid);
    driver.input(IN).at(-1).send("a", "x").unwrap();
    driver.input(IN).at(7).send("a", "x").unwrap();
    assert_eq!((times(&mut driver), driver.dropped_records()), (vec![7], 1));
}

#[test]
fn the_time_of_the_partition_stands_in() {
    let mut driver = driver(TimestampExtractor::PartitionTimeOnInvalid);
    let unknown = driver.input(IN).at(-1).send("a", "x").unwrap_err();
    assert!(unknown.to_string().contains("timestamp -1 is before 1970"), "{unknown}");
    for timestamp in [9, 4, -1] {
        driver.input(IN).at(timestamp).send("a", "x").unwrap();
    }
    assert_eq!(times(&mut driver), [9, 4, 9]);
}

#[test]
fn the_clock_of_the_machine_is_the_one_of_the_test() {
    let mut driver = driver(TimestampExtractor::WallClock);
    driver.input(IN).at(-1).send("a", "x").unwrap();
    driver.advance_wall_clock(Duration::from_millis(30)).unwrap();
    driver.input(IN).at(5).send("a", "x").unwrap();
    assert_eq!(times(&mut driver), [0, 30]);
}

#[test]
fn the_names_of_kafkas_classes_are_known() {
    let parse = |name: &str| name.parse::<TimestampExtractor>();
    let class = "org.apache.kafka.streams.processor.WallclockTimestampExtractor";
    assert_eq!(parse(class), Ok(TimestampExtractor::WallClock));
    assert_eq!(parse("LogAndSkipOnInvalidTimestamp"), Ok(TimestampExtractor::LogAndSkipOnInvalid));
    assert!(parse("com.example.Own").unwrap_err().contains("timestamps_by"));
}
