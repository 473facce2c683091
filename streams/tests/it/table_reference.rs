//! Every operator of tables against a naive reference: maps, no graph, no cache, no bytes.

use std::collections::BTreeMap;

use millstream::prelude::*;
use proptest::prelude::*;

const IN: Topic<u8, i64> = Topic::new("in");
const OUT: Topic<u8, Option<i64>> = Topic::new("out");
const SOURCE: KeyValueStore<u8, i64> = KeyValueStore::new("source");
const RESULT: KeyValueStore<u8, i64> = KeyValueStore::new("result");

/// Key, value or removal.
type Input = (u8, Option<i64>);

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    proptest::collection::vec((0_u8..5, proptest::option::of(-9_i64..9)), 0..40)
}

fn drive(builder: &StreamsBuilder, inputs: &[Input]) -> TestDriver {
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (key, value) in inputs {
        match value {
            Some(value) => driver.input(IN).send(*key, *value).unwrap(),
            None => driver.input(IN).send_tombstone(*key).unwrap(),
        }
    }
    driver
}

/// The table that `inputs` leave, after each of them.
fn history(inputs: &[Input]) -> Vec<BTreeMap<u8, i64>> {
    let mut table = BTreeMap::new();
    let apply = |(key, value): &Input| {
        match value {
            Some(value) => table.insert(*key, *value),
            None => table.remove(key),
        };
        table.clone()
    };
    inputs.iter().map(apply).collect()
}

fn last(inputs: &[Input]) -> BTreeMap<u8, i64> {
    history(inputs).pop().unwrap_or_default()
}

fn stored(driver: &TestDriver) -> BTreeMap<u8, i64> {
    driver.store(RESULT).unwrap().all().unwrap().into_iter().collect()
}

/// What `OUT` amounts to for one who reads it as a table, and how many records it took.
fn read(driver: &mut TestDriver) -> (BTreeMap<u8, i64>, usize) {
    let records = driver.output(OUT).drain();
    let updates: Vec<Input> = records.into_iter().map(|record| (record.key, record.value)).collect();
    (last(&updates), updates.len())
}

fn odd(key: &u8, value: &i64) -> bool {
    (i64::from(*key) + value) % 2 != 0
}

/// The group and the value that an entry has there; one group is no group, some values are no value.
fn group(key: u8, value: i64) -> (Option<u8>, Option<i64>) {
    let group = Some(value.unsigned_abs() as u8 % 4).filter(|group| *group != 3);
    (group, (value != 5).then_some(value * 10 + i64::from(key)))
}

/// The values of each group.
fn groups(table: &BTreeMap<u8, i64>) -> BTreeMap<u8, Vec<i64>> {
    let mut groups: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    for (key, value) in table {
        if let (Some(group), Some(value)) = group(*key, *value) {
            groups.entry(group).or_default().push(value);
        }
    }
    groups
}

/// The table of `IN`, kept in a store, or not unless something below needs it.
fn table(builder: &StreamsBuilder, kept: bool) -> KTable<u8, i64> {
    if kept { builder.table_in(IN, SOURCE) } else { builder.table(IN) }
}

/// A record of the stream or an update of the table.
#[derive(Debug, Clone)]
enum Joined {
    Record(Option<u8>, Option<i64>),
    Update(Input),
}

fn joined() -> impl Strategy<Value = Vec<Joined>> {
    let value = || proptest::option::of(-9_i64..9);
    let record = (proptest::option::of(0_u8..5), value()).prop_map(|(key, value)| Joined::Record(key, value));
    let update = (0_u8..5, value()).prop_map(Joined::Update);
    proptest::collection::vec(prop_oneof![record, update], 0..60)
}

const STREAM: Topic<Option<u8>, Option<i64>> = Topic::new("stream");
const JOINED: Topic<Option<u8>, i64> = Topic::new("joined");

/// What `JOINED` gets for `steps`.
fn join(
    steps: &[Joined],
    draw: impl Fn(KStream<Option<u8>, Option<i64>>, KTable<u8, i64>) -> KStream<Option<u8>, i64>,
    kept: bool,
) -> Vec<(Option<u8>, i64)> {
    let builder = StreamsBuilder::new();
    draw(builder.stream(STREAM), table(&builder, kept)).to(JOINED);
    play(&builder, steps)
}

fn play(builder: &StreamsBuilder, steps: &[Joined]) -> Vec<(Option<u8>, i64)> {
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for step in steps {
        match step {
            Joined::Record(key, value) => driver.input(STREAM).send(*key, *value).unwrap(),
            Joined::Update((key, Some(value))) => driver.input(IN).send(*key, *value).unwrap(),
            Joined::Update((key, None)) => driver.input(IN).send_tombstone(*key).unwrap(),
        }
    }
    driver.output(JOINED).drain().into_iter().map(|record| (record.key, record.value)).collect()
}

/// As [`join`], with a global table of the same topic.
fn join_global(
    steps: &[Joined],
    draw: impl Fn(KStream<Option<u8>, Option<i64>>, GlobalKTable<u8, i64>) -> KStream<Option<u8>, i64>,
) -> Vec<(Option<u8>, i64)> {
    let builder = StreamsBuilder::new();
    draw(builder.stream(STREAM), builder.global_table(IN)).to(JOINED);
    play(&builder, steps)
}

/// The same with a map: `found` says what a key finds in it.
fn expected(
    steps: &[Joined],
    found: impl Fn(&BTreeMap<u8, i64>, u8) -> Option<i64>,
    combine: impl Fn(i64, Option<i64>) -> Option<i64>,
) -> Vec<(Option<u8>, i64)> {
    let mut table = BTreeMap::new();
    let mut out = Vec::new();
    for step in steps {
        match step {
            Joined::Record(key, Some(value)) => {
                let found = key.and_then(|key| found(&table, key));
                out.extend(combine(*value, found).map(|joined| (*key, joined)));
            }
            Joined::Record(_, None) => {}
            Joined::Update((key, Some(value))) => drop(table.insert(*key, *value)),
            Joined::Update((key, None)) => drop(table.remove(key)),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn records_are_joined_with_what_the_table_holds(steps in joined(), kept: bool) {
        let inner = join(&steps, |s, t| s.join_table(&t, |value, found| value * 100 + found), kept);
        let of = |table: &BTreeMap<u8, i64>, key| table.get(&key).copied();
        prop_assert_eq!(inner, expected(&steps, of, |value, found| Some(value * 100 + found?)));

        let left = join(&steps, |s, t| s.left_join_table(&t, |value, found| value * 100 + found.unwrap_or(&50)), kept);
        prop_assert_eq!(left, expected(&steps, of, |value, found| Some(value * 100 + found.unwrap_or(50))));
    }

    #[test]
    fn records_are_joined_with_what_a_global_table_holds_for_their_values(steps in joined()) {
        let wanted = |_: &Option<u8>, value: &i64| u8::try_from(*value).ok();
        let table = |steps: &[Joined]| {
            let updates = steps.iter().filter_map(|step| match step {
                Joined::Update(update) => Some(*update),
                Joined::Record(..) => None,
            });
            last(&updates.collect::<Vec<_>>())
        };
        let expect = |left: bool| -> Vec<(Option<u8>, i64)> {
            let joined = steps.iter().enumerate().filter_map(|(index, step)| {
                let Joined::Record(key, Some(value)) = step else { return None };
                let wanted = wanted(key, value);
                let found = wanted.and_then(|wanted| table(&steps[..index]).get(&wanted).copied());
                let joins = if left { wanted.is_some() || key.is_none() } else { found.is_some() };
                joins.then(|| (*key, value * 100 + found.unwrap_or(50)))
            });
            joined.collect()
        };
        let inner = join_global(&steps, |s, t| s.join_global(&t, wanted, |value, found| value * 100 + found));
        prop_assert_eq!(inner, expect(false));
        let left = join_global(&steps, |s, t| {
            s.left_join_global(&t, wanted, |value, found| value * 100 + found.unwrap_or(&50))
        });
        prop_assert_eq!(left, expect(true));
    }

    #[test]
    fn a_derived_table_answers_from_the_one_above(steps in joined(), kept: bool) {
        let derive = |table: KTable<u8, i64>| table.filter(odd).map_values_with_key(|key, value| value + i64::from(*key));
        let joined = join(&steps, |s, t| s.join_table(&derive(t), |value, found| value * 100 + found), kept);
        let of = |table: &BTreeMap<u8, i64>, key: u8| {
            table.get(&key).filter(|value| odd(&key, value)).map(|value| value + i64::from(key))
        };
        prop_assert_eq!(joined, expected(&steps, of, |value, found| Some(value * 100 + found?)));
    }

    #[test]
    fn a_rekeyed_stream_is_joined_by_its_new_keys(steps in joined()) {
        let half = |key: Option<u8>| key.filter(|key| *key != 4).map(|key| key / 2);
        let rekeyed: Vec<Joined> = steps
            .iter()
            .map(|step| match step {
                Joined::Record(key, value) => Joined::Record(half(*key), *value),
                update @ Joined::Update(_) => update.clone(),
            })
            .collect();
        let of = |table: &BTreeMap<u8, i64>, key| table.get(&key).copied();

        let by_half = move |s: KStream<Option<u8>, Option<i64>>| s.select_key(move |key, _| half(*key));
        let inner = join(&steps, |s, t| by_half(s).join_table(&t, |value, found| value * 100 + found), true);
        prop_assert_eq!(inner, expected(&rekeyed, of, |value, found| Some(value * 100 + found?)));

        let left = join(&steps, |s, t| by_half(s).left_join_table(&t, |value, found| value * 100 + found.unwrap_or(&50)), true);
        prop_assert_eq!(left, expected(&rekeyed, of, |value, found| Some(value * 100 + found.unwrap_or(50))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn derived_tables_follow_the_one_above(inputs in inputs(), kept: bool, cached: bool) {
        let builder = StreamsBuilder::new();
        let store = if cached { RESULT } else { RESULT.uncached() };
        let filtered = table(&builder, kept).filter(odd).map_values(|value| value * 2);
        filtered.filter_not_in(store, |_, value| *value > 12).to_stream().to(OUT);
        let mut driver = drive(&builder, &inputs);

        let derive = |table: &BTreeMap<u8, i64>| -> BTreeMap<u8, i64> {
            let kept = table.iter().filter(|(key, value)| odd(key, value) && **value * 2 <= 12);
            kept.map(|(key, value)| (*key, value * 2)).collect()
        };
        prop_assert_eq!(stored(&driver), derive(&last(&inputs)));
        prop_assert_eq!(read(&mut driver).0, derive(&last(&inputs)));
    }

    #[test]
    fn a_kept_table_tells_a_filter_below_only_news(inputs in inputs(), cached: bool) {
        let builder = StreamsBuilder::new();
        let source = if cached { SOURCE } else { SOURCE.uncached() };
        builder.table_in(IN, source).filter(odd).to_stream().to(OUT);
        let (seen, count) = read(&mut drive(&builder, &inputs));

        let mut before = BTreeMap::new();
        let mut news = 0;
        for (input, after) in inputs.iter().zip(history(&inputs)) {
            let of = |table: &BTreeMap<u8, i64>| table.get(&input.0).copied().filter(|value| odd(&input.0, value));
            news += usize::from(of(&before).is_some() || of(&after).is_some());
            before = after;
        }
        prop_assert_eq!(count, news);
        prop_assert_eq!(seen, last(&inputs).into_iter().filter(|(key, value)| odd(key, value)).collect());
    }

    #[test]
    fn groups_hold_what_the_table_holds(inputs in inputs(), kept: bool, cached: bool) {
        let store = if cached { RESULT } else { RESULT.uncached() };
        let grouped = |builder: &StreamsBuilder| table(builder, kept).group_by(|key, value| group(*key, *value));
        let expected = groups(&last(&inputs));
        let seen: Vec<u8> = history(&inputs).iter().flat_map(|table| groups(table).into_keys()).collect();
        let of = |fold: fn(&[i64]) -> i64| -> BTreeMap<u8, i64> {
            seen.iter().map(|group| (*group, fold(expected.get(group).map_or(&[], Vec::as_slice)))).collect()
        };

        let builder = StreamsBuilder::new();
        let _counts = grouped(&builder).count(store.clone());
        prop_assert_eq!(stored(&drive(&builder, &inputs)), of(|values| values.len() as i64));

        let builder = StreamsBuilder::new();
        let sums = grouped(&builder).reduce(store.clone(), |sum, value| sum + value, |sum, value| sum - value);
        sums.to_stream().to(OUT);
        let mut driver = drive(&builder, &inputs);
        prop_assert_eq!(stored(&driver), of(|values| values.iter().sum()));
        prop_assert_eq!(read(&mut driver).0, of(|values| values.iter().sum()));

        let builder = StreamsBuilder::new();
        let add = |_: &u8, value: i64, sum: &mut Option<i64>| *sum = sum.map(|sum| sum + 1000 + value);
        let subtract = |_: &u8, value: i64, sum: &mut Option<i64>| {
            *sum = sum.map(|sum| sum - 1000 - value).filter(|sum| *sum != 0);
        };
        let _sums = grouped(&builder).aggregate(store, || Some(0), add, subtract);
        let sums: BTreeMap<u8, i64> =
            expected.iter().map(|(group, values)| (*group, values.iter().map(|value| value + 1000).sum())).collect();
        prop_assert_eq!(stored(&drive(&builder, &inputs)), sums);
    }

    #[test]
    fn a_stream_read_as_a_table_is_that_table(inputs in inputs(), kept: bool) {
        let builder = StreamsBuilder::new();
        let stream = builder.stream(Topic::<Option<u8>, Option<i64>>::new("in"));
        let table = if kept { stream.to_table_in(SOURCE) } else { stream.to_table() };
        table.filter_in(RESULT, odd).to_stream().to(OUT);
        let mut driver = drive(&builder, &inputs);
        let expected: BTreeMap<u8, i64> = last(&inputs).into_iter().filter(|(key, value)| odd(key, value)).collect();
        prop_assert_eq!(stored(&driver), expected.clone());
        prop_assert_eq!(read(&mut driver).0, expected);
    }

    #[test]
    fn a_rekeyed_stream_is_a_table_by_its_new_keys(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        let by_half = builder.stream(Topic::<u8, Option<i64>>::new("in")).select_key(|key, _| (*key != 4).then_some(key / 2));
        let _table = by_half.to_table_in(RESULT);
        let halved: Vec<Input> =
            inputs.iter().filter(|(key, _)| *key != 4).map(|(key, value)| (key / 2, *value)).collect();
        prop_assert_eq!(stored(&drive(&builder, &inputs)), last(&halved));
    }
}
