//! Windowed aggregations against a naive reference: vectors and maps, no graph, no cache, no bytes.

use std::collections::BTreeMap;

use millstream::prelude::*;
use proptest::prelude::*;

const IN: Topic<Option<u8>, Option<i64>> = Topic::new("in");

/// A record of few keys, so that they repeat; timestamps out of order.
type Input = (Option<u8>, Option<i64>, i64);

/// Key, start of the window, value, time.
type Update = (u8, i64, Option<i64>, i64);

/// What is in the store: key, start of the window, value.
type Stored = Vec<(u8, i64, i64)>;

#[derive(Debug, Clone, Copy)]
struct Shape {
    size: u64,
    grace: u64,
    advance: u64,
    /// Beyond what is needed.
    kept: u64,
}

impl Shape {
    fn windows(self) -> TimeWindows {
        TimeWindows::of(millis(self.size)).grace(millis(self.grace)).advance_by(millis(self.advance))
    }

    fn store(self) -> WindowStore<u8, i64> {
        WindowStore::from("store").retention(millis(self.size + self.grace + self.kept))
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    (1_u64..40, 0_u64..40, 1_u64..40, 0_u64..60).prop_map(|(size, grace, advance, kept)| Shape {
        size,
        grace,
        advance: advance.min(size),
        kept,
    })
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let key = prop_oneof![9 => (0_u8..3).prop_map(Some), 1 => Just(None)];
    let value = prop_oneof![9 => (-9_i64..9).prop_map(Some), 1 => Just(None)];
    proptest::collection::vec((key, value, 0_i64..300), 0..60)
}

/// What folding `inputs` by window says, keeps and drops.
fn folded(
    shape: Shape,
    inputs: &[Input],
    fold: impl Fn(Option<i64>, Option<i64>) -> Option<i64>,
) -> (Vec<Update>, Stored, u64) {
    let Shape { size, grace, advance, kept } = shape;
    let (size, grace, retention) = (size as i64, grace as i64, (size + grace + kept) as i64);
    let mut table: BTreeMap<(i64, u8), (i64, i64)> = BTreeMap::new();
    let (mut updates, mut dropped, mut stream_time, mut newest) = (Vec::new(), 0, -1, -1);
    for (key, value, time) in inputs {
        let Some(key) = *key else {
            dropped += 1;
            continue;
        };
        stream_time = stream_time.max(*time);
        for start in (0..=*time).step_by(advance as usize).filter(|start| *time < start + size) {
            if start + size + grace <= stream_time {
                dropped += 1;
                continue;
            }
            let sofar = table.remove(&(start, key));
            let latest = sofar.map_or(*time, |(_, before)| before.max(*time));
            match fold(sofar.map(|(sofar, _)| sofar), *value) {
                Some(new) => {
                    newest = newest.max(start);
                    table.insert((start, key), (new, latest));
                    updates.push((key, start, Some(new), latest));
                }
                None if sofar.is_some() => updates.push((key, start, None, *time)),
                None => {}
            }
        }
    }
    let stored = table.into_iter().filter(|((start, _), _)| *start > newest - retention);
    (updates, stored.map(|((start, key), (value, _))| (key, start, value)).collect(), dropped)
}

fn run(
    shape: Shape,
    inputs: &[Input],
    table: impl Fn(
        TimeWindowedKStream<Option<u8>, Option<i64>>,
        WindowStore<u8, i64>,
    ) -> KTable<Windowed<u8>, i64>,
) -> (Vec<Update>, Stored, u64) {
    let out: Topic<Windowed<u8>, Option<i64>> = Topic::windowed("out", millis(shape.size));
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(IN).group_by_key().windowed_by(shape.windows());
    table(grouped, shape.store()).to_stream().to(out.clone());
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (key, value, timestamp) in inputs {
        driver.input(IN).at(*timestamp).send(*key, *value).unwrap();
    }
    let updates = driver.output(out).drain().into_iter();
    let updates =
        updates.map(|record| (record.key.key, record.key.window.start, record.value, record.timestamp));
    let stored = driver.store(shape.store()).unwrap().all().unwrap().into_iter();
    let stored = stored.map(|(key, value)| (key.key, key.window.start, value));
    (updates.collect(), stored.collect(), driver.dropped_records())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn counts(shape in shapes(), inputs in inputs()) {
        let ours = run(shape, &inputs, |grouped, store| grouped.count(store));
        prop_assert_eq!(ours, folded(shape, &inputs, |sofar, _| Some(sofar.unwrap_or(0) + 1)));
    }

    #[test]
    fn reduces(shape in shapes(), inputs in inputs()) {
        let larger = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a.max(b));
        let ours = run(shape, &inputs, |grouped, store| grouped.reduce(store, larger));
        let fold = |sofar: Option<i64>, value| if sofar.is_some() { larger(sofar, value) } else { value };
        prop_assert_eq!(ours, folded(shape, &inputs, fold));
    }

    #[test]
    fn aggregates_that_delete(shape in shapes(), inputs in inputs()) {
        let add = |sum: Option<i64>, value: Option<i64>| {
            sum.map(|sum| sum + value.unwrap_or(1)).filter(|sum| sum % 3 != 0)
        };
        let ours = run(shape, &inputs, |grouped, store| {
            grouped.aggregate(store, || Some(0), move |_, value, sum: &mut Option<i64>| *sum = add(*sum, value))
        });
        prop_assert_eq!(ours, folded(shape, &inputs, |sofar, value| add(sofar.or(Some(0)), value)));
    }

    #[test]
    fn fetches(shape in shapes(), inputs in inputs(), from in 0_i64..300, to in 0_i64..300) {
        let builder = StreamsBuilder::new();
        let _table = builder.stream(IN).group_by_key().windowed_by(shape.windows()).count(shape.store());
        let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
        for (key, value, timestamp) in &inputs {
            driver.input(IN).at(*timestamp).send(*key, *value).unwrap();
        }
        let store = driver.store(shape.store()).unwrap();
        let all = store.all().unwrap();
        let within: Vec<_> = all.iter().filter(|(key, _)| (from..to).contains(&key.window.start)).cloned().collect();
        prop_assert_eq!(&store.fetch_all(from..to).unwrap(), &within);
        for key in 0..3 {
            let of_key = within.iter().filter(|(windowed, _)| windowed.key == key);
            let of_key: Vec<_> = of_key.map(|(windowed, value)| (windowed.window, *value)).collect();
            prop_assert_eq!(store.fetch(key, from..to).unwrap(), of_key);
            let single = all.iter().find(|(windowed, _)| windowed.key == key && windowed.window.start == from);
            prop_assert_eq!(store.get(key, from).unwrap(), single.map(|(_, value)| *value));
        }
    }
}
