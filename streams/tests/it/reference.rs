//! Every operator against a naive reference: vectors and maps, no graph, no cache, no bytes.

use std::collections::BTreeMap;

use millstream::prelude::*;
use proptest::prelude::*;

const IN: Topic<Option<u8>, Option<i64>> = Topic::new("in");
const OUT: Topic<Option<u8>, Option<i64>> = Topic::new("out");
const TABLE: KeyValueStore<u8, i64> = KeyValueStore::new("table");

/// A record of few keys, so that they repeat; timestamps out of order.
type Input = (Option<u8>, Option<i64>, i64);

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let record = (proptest::option::of(0_u8..4), proptest::option::of(-9_i64..9), 0_i64..50);
    proptest::collection::vec(record, 0..40)
}

/// What comes out of `OUT` for `inputs`.
fn run(draw: impl Fn(KStream<Option<u8>, Option<i64>>), inputs: &[Input]) -> (Vec<Input>, TestDriver) {
    let builder = StreamsBuilder::new();
    draw(builder.stream(IN));
    drive(&builder, inputs)
}

fn drive(builder: &StreamsBuilder, inputs: &[Input]) -> (Vec<Input>, TestDriver) {
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (key, value, timestamp) in inputs {
        driver.input(IN).at(*timestamp).send(*key, *value).unwrap();
    }
    let records = driver.output(OUT).drain();
    (records.into_iter().map(|record| (record.key, record.value, record.timestamp)).collect(), driver)
}

fn is_odd(value: Option<i64>) -> bool {
    value.is_some_and(|value| value % 2 != 0)
}

/// The table that folding `inputs` makes, and its updates; records without a key or value take no part.
fn folded(
    inputs: &[Input],
    key: impl Fn(u8, i64) -> u8,
    fold: impl Fn(Option<i64>, i64) -> Option<i64>,
) -> (Vec<Input>, Vec<(u8, i64)>) {
    let mut table: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
    let mut updates = Vec::new();
    for (old_key, value, timestamp) in inputs {
        let (Some(old_key), Some(value)) = (*old_key, *value) else { continue };
        let key = key(old_key, value);
        let sofar = table.remove(&key);
        let time = sofar.map_or(*timestamp, |(_, time)| time.max(*timestamp));
        match fold(sofar.map(|(sofar, _)| sofar), value) {
            Some(new) => {
                table.insert(key, (new, time));
                updates.push((Some(key), Some(new), time));
            }
            None if sofar.is_some() => updates.push((Some(key), None, *timestamp)),
            None => {}
        }
    }
    (updates, table.into_iter().map(|(key, (value, _))| (key, value)).collect())
}

/// Writes a table of present keys and values where `run` reads.
fn emit(table: &KTable<u8, i64>) {
    table.to_stream().map(|key, value| (Some(key), value)).to(OUT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn filters(inputs in inputs()) {
        let (kept, _) = run(|s| { s.filter(|_, value| is_odd(*value)).to(OUT); }, &inputs);
        let (dropped, _) = run(|s| { s.filter_not(|_, value| is_odd(*value)).to(OUT); }, &inputs);
        let (odd, even): (Vec<_>, Vec<_>) = inputs.iter().partition(|(_, value, _)| is_odd(*value));
        prop_assert_eq!(kept, odd);
        prop_assert_eq!(dropped, even);
    }

    #[test]
    fn maps(inputs in inputs()) {
        let flip = |key: Option<u8>, value: Option<i64>| (value.map(|v| v as u8), key.map(i64::from));
        let (mapped, _) = run(|s| { s.map(flip).to(OUT); }, &inputs);
        let expected: Vec<Input> = inputs.iter().map(|(k, v, t)| { let (k, v) = flip(*k, *v); (k, v, *t) }).collect();
        prop_assert_eq!(mapped, expected);

        let (values, _) = run(|s| { s.map_values(|v| v.map(|v| v * 2)).to(OUT); }, &inputs);
        let expected: Vec<Input> = inputs.iter().map(|(k, v, t)| (*k, v.map(|v| v * 2), *t)).collect();
        prop_assert_eq!(values, expected);

        let (keys, _) = run(|s| { s.select_key(|k, v| k.or(v.map(|v| v as u8))).to(OUT); }, &inputs);
        let expected: Vec<Input> = inputs.iter().map(|(k, v, t)| (k.or(v.map(|v| v as u8)), *v, *t)).collect();
        prop_assert_eq!(keys, expected);
    }

    #[test]
    fn flat_maps(inputs in inputs()) {
        let (values, _) = run(|s| {
            s.flat_map_values(|v, out| out.extend((0..v.unwrap_or(0)).map(Some))).to(OUT);
        }, &inputs);
        let expected: Vec<Input> =
            inputs.iter().flat_map(|(k, v, t)| (0..v.unwrap_or(0)).map(move |v| (*k, Some(v), *t))).collect();
        prop_assert_eq!(values, expected);

        let (pairs, _) = run(|s| {
            s.flat_map(|k, v, out| out.extend((0..v.unwrap_or(0)).map(|n| (Some(n as u8), k.map(i64::from))))).to(OUT);
        }, &inputs);
        let expected: Vec<Input> = inputs
            .iter()
            .flat_map(|(k, v, t)| (0..v.unwrap_or(0)).map(move |n| (Some(n as u8), k.map(i64::from), *t)))
            .collect();
        prop_assert_eq!(pairs, expected);
    }

    #[test]
    fn splits(inputs in inputs()) {
        let (split, _) = run(|s| {
            let ways = s.split();
            let odd = ways.branch(|_, v| is_odd(*v));
            let large = ways.branch(|_, v| v.is_some_and(|v| v > 3)).map_values(|v| v.map(|v| v * 10));
            let rest = ways.rest().map_values(|v| v.map(|v| -v));
            odd.merge(&large).merge(&rest).to(OUT);
        }, &inputs);
        let way = |v: i64| if v % 2 != 0 { v } else if v > 3 { v * 10 } else { -v };
        let expected: Vec<Input> = inputs.iter().map(|(k, v, t)| (*k, v.map(way), *t)).collect();
        prop_assert_eq!(split, expected);
    }

    #[test]
    fn failures_go_their_own_way(inputs in inputs()) {
        let halved = |v: Option<i64>| v.filter(|v| v % 2 == 0).map(|v| v / 2).ok_or(v);
        let (values, _) = run(|s| { s.try_map_values(halved).0.map_values(Some).to(OUT); }, &inputs);
        let (failures, _) = run(|s| { s.try_map_values(halved).1.to(OUT); }, &inputs);
        let made = inputs.iter().filter_map(|(k, v, t)| Some((*k, Some(halved(*v).ok()?), *t)));
        let failed = inputs.iter().filter_map(|(k, v, t)| Some((*k, halved(*v).err()?, *t)));
        prop_assert_eq!(values, made.collect::<Vec<_>>());
        prop_assert_eq!(failures, failed.collect::<Vec<_>>());
    }

    #[test]
    fn a_repartition_keeps_what_has_a_key(inputs in inputs()) {
        let (through, _) = run(|s| { s.repartition("through").to(OUT); }, &inputs);
        let expected: Vec<Input> = inputs.iter().filter(|(k, _, _)| k.is_some()).copied().collect();
        prop_assert_eq!(through, expected);
    }

    #[test]
    fn merging_and_peeking_change_nothing(inputs in inputs()) {
        let (merged, _) = run(|s| {
            let odd = s.filter(|_, v| is_odd(*v)).peek(|_, _| {});
            odd.merge(&s.filter_not(|_, v| is_odd(*v))).to(OUT);
        }, &inputs);
        prop_assert_eq!(merged, inputs);
    }

    #[test]
    fn counts(inputs in inputs()) {
        let (updates, driver) = run(|s| emit(&s.group_by_key().count(TABLE)), &inputs);
        let (expected, table) = folded(&inputs, |key, _| key, |sofar, _| Some(sofar.unwrap_or(0) + 1));
        prop_assert_eq!(updates, expected);
        prop_assert_eq!(driver.store(TABLE).unwrap().all().unwrap(), table);
    }

    #[test]
    fn reduces_through_a_repartition(inputs in inputs()) {
        let present: Vec<Input> = inputs.iter().filter(|(k, v, _)| k.is_some() && v.is_some()).copied().collect();
        let key = |_: u8, value: i64| value.unsigned_abs() as u8 % 3;
        let (updates, driver) = run(move |s| {
            let grouped = s.group_by(move |_, v| v.map(|v| key(0, v)));
            emit(&grouped.reduce(TABLE, |sofar, value| sofar.max(value)));
        }, &present);
        let (expected, table) = folded(&present, key, |sofar, v| Some(sofar.map_or(v, |sofar| sofar.max(v))));
        prop_assert_eq!(updates, expected);
        prop_assert_eq!(driver.store(TABLE).unwrap().all().unwrap(), table);
    }

    #[test]
    fn aggregates_that_delete(inputs in inputs()) {
        let (updates, driver) = run(|s| {
            let fold = |_: &u8, value: i64, sum: &mut Option<i64>| {
                *sum = sum.map(|sum| sum + value).filter(|sum| sum % 3 != 0);
            };
            emit(&s.group_by_key().aggregate(TABLE, || Some(0), fold));
        }, &inputs);
        let fold = |sofar: Option<i64>, value| Some(sofar.unwrap_or(0) + value).filter(|sum| sum % 3 != 0);
        let (expected, table) = folded(&inputs, |key, _| key, fold);
        prop_assert_eq!(updates, expected);
        prop_assert_eq!(driver.store(TABLE).unwrap().all().unwrap(), table);
    }

    #[test]
    fn tables(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        emit(&builder.table_in(Topic::new("in"), TABLE));
        let (updates, driver) = drive(&builder, &inputs);
        let mut table = BTreeMap::new();
        let mut expected = Vec::new();
        for (key, value, timestamp) in &inputs {
            let Some(key) = *key else { continue };
            let old = match value {
                Some(value) => table.insert(key, *value),
                None => table.remove(&key),
            };
            if old.is_some() || value.is_some() {
                expected.push((Some(key), *value, *timestamp));
            }
        }
        prop_assert_eq!(updates, expected);
        prop_assert_eq!(driver.store(TABLE).unwrap().all().unwrap(), table.into_iter().collect::<Vec<_>>());
    }
}
