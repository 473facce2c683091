//! Programs that keep their keys apart compute the same for each key, however many partitions there are.

use std::collections::BTreeMap;

use millstream::prelude::*;
use proptest::prelude::*;

const IN: Topic<u8, i64> = Topic::new("in");
const OTHER: Topic<u8, i64> = Topic::new("other");
const OUT: Topic<String, String> = Topic::new("out");

/// Which topic, key, value or removal, time.
type Step = (bool, u8, Option<i64>, i64);

/// What each key was told, in order.
type ByKey = BTreeMap<String, Vec<(String, i64)>>;

/// Says what leaves a stream or a table, whatever its types.
fn tell<K: std::fmt::Debug + Clone + Send + 'static, V: std::fmt::Debug + Clone + Send + 'static>(
    stream: &KStream<K, V>,
) {
    stream.map(|key, value| (format!("{key:?}"), format!("{value:?}"))).to(OUT);
}

/// A program of operators that work key by key; `which` says which.
fn program(which: u8) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream(IN);
    match which {
        0 => tell(&stream.group_by(|key, value| i64::from(*key) + value).count("counts").to_stream()),
        1 => {
            let sums = stream.flat_map(|key, value, out| {
                out.push((format!("k{}", key % 2), *value));
                out.push((format!("v{}", value.rem_euclid(3)), *value));
            });
            tell(&sums.group_by_key().reduce("sums", |sum, value| sum + value).to_stream());
        }
        2 => {
            let other = builder.table(OTHER);
            let rekeyed = stream.select_key(|_, value| value.rem_euclid(5) as u8);
            tell(&rekeyed.left_join_table(&other, |left, right| (left, right.copied())));
        }
        3 => {
            let groups = builder
                .table(OTHER)
                .group_by(|key, value| (Some(value.rem_euclid(4)), Some(i64::from(*key))));
            tell(&groups.count("groups").to_stream());
            stream.for_each(|_, _| {});
        }
        _ => {
            let windows = TimeWindows::of(millis(50)).grace(secs(3600));
            let counts = stream.group_by(|_, value| value % 3).windowed_by(windows).count("windows");
            tell(&counts.to_stream());
        }
    }
    builder.build().unwrap()
}

fn run(topology: &Topology, partitions: u32, steps: &[Step]) -> ByKey {
    let mut driver = TestDriver::builder(topology).partitions(partitions).build().unwrap();
    for (in_other, key, value, time) in steps {
        let sent = match (in_other, value) {
            (false, value) => driver.input(IN).at(*time).send(*key, value.unwrap_or_default()),
            (true, Some(value)) => driver.input(OTHER).at(*time).send(*key, *value),
            (true, None) => driver.input(OTHER).at(*time).send_tombstone(*key),
        };
        match sent {
            Err(millstream::testing::TestError::UnknownTopic(_)) => {}
            sent => sent.unwrap(),
        }
    }
    let mut by_key = ByKey::new();
    for Record { key, value, timestamp, .. } in driver.output(OUT).drain() {
        by_key.entry(key).or_default().push((value, timestamp));
    }
    by_key
}

fn step() -> impl Strategy<Value = Step> {
    (any::<bool>(), 0_u8..9, proptest::option::weighted(0.8, -9_i64..9), 0_i64..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_key_is_told_the_same(which in 0_u8..5, partitions in 2_u32..6, steps in proptest::collection::vec(step(), 0..60)) {
        let topology = program(which);
        prop_assert_eq!(run(&topology, partitions, &steps), run(&topology, 1, &steps));
    }
}
