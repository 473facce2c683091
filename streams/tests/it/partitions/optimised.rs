//! Repartition topics that are merged still bring each key to one task.

use std::collections::BTreeMap;

use millstream::prelude::*;
use millstream::topology::Optimization;
use proptest::prelude::*;

const IN: Topic<i64, i64> = Topic::new("in");
const OUT: Topic<i64, i64> = Topic::new("out");

/// Two keys of each record are counted together, and one of them by itself: Kafka Streams 4.3.1 has a topic for that one, and
/// counts the other wherever it is.
fn around(stream: &KStream<i64, i64>) {
    let by_value = stream.select_key(|_, value| value % 3);
    let both = by_value.merge(&by_value.map(|_, value| (value % 5, value)));
    both.group_by_key().count("both").to(OUT);
    let _own = by_value.group_by_key().count("own");
}

/// Merges below each other, which Kafka Streams 4.3.1 cannot optimise.
fn nested(stream: &KStream<i64, i64>) {
    let by_value = stream.select_key(|_, value| value % 3);
    let seen = by_value.peek(|_, _| {});
    let all = stream.merge(&seen.merge(&by_value)).peek(|_, _| {});
    seen.merge(&all).group_by_key().count("all").to(OUT);
}

/// The last count of each key, with four partitions.
fn counts(draw: fn(&KStream<i64, i64>), optimise: bool, inputs: &[(i64, i64)]) -> BTreeMap<i64, i64> {
    let builder = StreamsBuilder::new();
    draw(&builder.stream(IN));
    let topology = builder.build().unwrap();
    let topology = if optimise { topology.optimized(Optimization::ALL) } else { topology };
    let mut driver = TestDriver::builder(&topology).partitions(4).build().unwrap();
    for (key, value) in inputs {
        driver.input(IN).send(*key, *value).unwrap();
    }
    driver.output(OUT).drain().into_iter().map(|record| (record.key, record.value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn each_key_is_counted_once(inputs in proptest::collection::vec((0_i64..6, 0_i64..30), 0..30)) {
        for draw in [around, nested] {
            prop_assert_eq!(counts(draw, true, &inputs), counts(draw, false, &inputs));
        }
        let mut both: BTreeMap<i64, i64> = BTreeMap::new();
        for (_, value) in &inputs {
            *both.entry(value % 3).or_default() += 1;
            *both.entry(value % 5).or_default() += 1;
        }
        prop_assert_eq!(counts(around, true, &inputs), both);
    }
}
