//! Where records go with their times and headers, against a naive reference: vectors, no graph, no cache, no bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use millstream::prelude::*;
use millstream::processor::Headers;
use proptest::prelude::*;

type Key = Option<u8>;
type Value = Option<i64>;
type Input = Record<Key, Value>;
type Stream = KStream<Key, Value>;

const A: Topic<Key, Value> = Topic::new("a");
const B: Topic<Key, Value> = Topic::new("b");
const OUT: Topic<Key, Value> = Topic::new("out");
const TABLE: Topic<u8, i64> = Topic::new("table");

fn input() -> impl Strategy<Value = Input> {
    let header = (0_u8..3, proptest::option::of(0_u8..9));
    let headers = proptest::collection::vec(header, 0..3).prop_map(|all| {
        let mut headers = Headers::default();
        for (name, value) in all {
            headers.push(format!("h{name}"), value.map(|value| vec![value]));
        }
        headers
    });
    let (key, value) = (proptest::option::of(0_u8..4), proptest::option::of(-9_i64..9));
    (key, value, 0_i64..50, headers).prop_map(|(key, value, timestamp, headers)| Record {
        key,
        value,
        timestamp,
        headers,
    })
}

/// Records, each to the first or to the second of two topics.
fn inputs() -> impl Strategy<Value = Vec<(bool, Input)>> {
    proptest::collection::vec((any::<bool>(), input()), 0..30)
}

fn send(driver: &mut TestDriver, topic: Topic<Key, Value>, input: &Input) {
    let Record { key, value, timestamp, headers } = input.clone();
    driver.input(topic).at(timestamp).headers(headers).send(key, value).unwrap();
}

fn drive(builder: &StreamsBuilder, inputs: &[(bool, Input)]) -> TestDriver {
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (first, input) in inputs {
        send(&mut driver, if *first { A } else { B }, input);
    }
    driver
}

/// What comes out for what both topics get, read as one stream.
fn run(inputs: &[(bool, Input)], draw: impl Fn(&Stream)) -> Vec<Input> {
    let builder = StreamsBuilder::new();
    draw(&builder.stream([A, B]));
    drive(&builder, inputs).output(OUT).drain()
}

/// Every record with other keys and values, if any.
fn each(inputs: &[(bool, Input)], make: impl Fn(Key, Value) -> Vec<(Key, Value)>) -> Vec<Input> {
    let one = |input: &Input| {
        let Record { key, value, timestamp, headers } = input.clone();
        make(key, value)
            .into_iter()
            .map(|(key, value)| Record { key, value, timestamp, headers: headers.clone() })
            .collect::<Vec<_>>()
    };
    inputs.iter().flat_map(|(_, input)| one(input)).collect()
}

fn is_odd(value: Value) -> bool {
    value.is_some_and(|value| value % 2 != 0)
}

/// What was written, shared with who looks.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says each record twice, the second time a millisecond later.
struct Echo;

impl Processor<Key, Value> for Echo {
    type Out = (Key, Value);

    fn process(&mut self, record: Input, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        let later = record.timestamp + 1;
        cx.forward(record.clone());
        cx.forward(record.at(later));
        Ok(())
    }
}

impl FixedKeyProcessor<Key, Value> for Echo {
    type Out = Value;

    fn process(
        &mut self,
        record: FixedKeyRecord<Key, Value>,
        cx: &mut FixedKeyContext<Key, Value>,
    ) -> Result<(), ProcessError> {
        let later = record.timestamp() + 1;
        cx.forward(record.clone());
        cx.forward(record.at(later));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_makes_records_of_records_keeps_their_times_and_headers(inputs in inputs()) {
        let same = |key, value| vec![(key, value)];
        let sum = |key: Key, value: Value| key.zip(value).map(|(key, value)| value + i64::from(key));
        prop_assert_eq!(run(&inputs, |s| drop(s.to(OUT))), each(&inputs, same));
        prop_assert_eq!(
            run(&inputs, |s| drop(s.filter(|_, value| is_odd(*value)).to(OUT))),
            each(&inputs, |key, value| if is_odd(value) { vec![(key, value)] } else { vec![] })
        );
        prop_assert_eq!(
            run(&inputs, |s| drop(s.map_values_with_key(move |key, value| sum(*key, value)).to(OUT))),
            each(&inputs, |key, value| vec![(key, sum(key, value))])
        );
        prop_assert_eq!(
            run(&inputs, |s| drop(s.map(move |key, value| (None, sum(key, value))).to(OUT))),
            each(&inputs, |key, value| vec![(None, sum(key, value))])
        );
        prop_assert_eq!(
            run(&inputs, |s| drop(s.flat_map(|key, value, out| out.extend([(*key, *value), (None, *value)])).to(OUT))),
            each(&inputs, |key, value| vec![(key, value), (None, value)])
        );
        prop_assert_eq!(
            run(&inputs, |s| drop(s.repartition("through").to(OUT))),
            each(&inputs, |key, value| if key.is_some() { vec![(key, value)] } else { vec![] })
        );
    }

    #[test]
    fn children_get_a_record_one_after_the_other(inputs in inputs()) {
        let both = run(&inputs, |s| {
            let tens = s.map_values(|value| value.map(|value| value * 10));
            let none = s.map_values(|_| None);
            let odd = s.filter(|_, value| is_odd(*value));
            odd.merge(&none).merge(&tens).to(OUT);
        });
        let expected = each(&inputs, |key, value| {
            let [tens, none] = [(key, value.map(|value| value * 10)), (key, None)];
            if is_odd(value) { vec![tens, none, (key, value)] } else { vec![tens, none] }
        });
        prop_assert_eq!(both, expected);
    }

    #[test]
    fn processors_say_what_they_like(inputs in inputs()) {
        let mut expected = each(&inputs, |key, value| vec![(key, value), (key, value)]);
        expected.iter_mut().skip(1).step_by(2).for_each(|record| record.timestamp += 1);
        prop_assert_eq!(&run(&inputs, |s| drop(s.process(|_| Echo).to(OUT))), &expected);
        prop_assert_eq!(&run(&inputs, |s| drop(s.process_values(|_| Echo).to(OUT))), &expected);
    }

    #[test]
    fn each_record_goes_where_it_says(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        builder.stream([A, B]).to_dynamic(|record| if is_odd(record.value) { "odd" } else { "out" });
        let mut driver = drive(&builder, &inputs);
        let of = |odd| each(&inputs, |key, value| if is_odd(value) == odd { vec![(key, value)] } else { vec![] });
        prop_assert_eq!(driver.output(OUT).drain(), of(false));
        prop_assert_eq!(driver.output(Topic::<Key, Value>::new("odd")).drain(), of(true));
    }

    #[test]
    fn a_partitioner_drops_what_it_puts_nowhere(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        let nowhere = |_: &Key, value: &Value, _| if is_odd(*value) { vec![] } else { vec![0] };
        let _sink = builder.stream([A, B]).to(OUT).partitioned_by(nowhere);
        let mut driver = drive(&builder, &inputs);
        let kept = each(&inputs, |key, value| if is_odd(value) { vec![] } else { vec![(key, value)] });
        prop_assert_eq!(driver.dropped_records(), (inputs.len() - kept.len()) as u64);
        prop_assert_eq!(driver.output(OUT).drain(), kept);
    }

    #[test]
    fn who_only_looks_sees_each_record_once(inputs in inputs()) {
        let (seen, page) = (Arc::new(Mutex::new(Vec::new())), Page::default());
        let builder = StreamsBuilder::new();
        let stream = builder.stream([A, B]);
        let (peeked, taken) = (Arc::clone(&seen), Arc::clone(&seen));
        let _same = stream.peek(move |key, value| peeked.lock().unwrap().push((*key, *value)));
        stream.for_each(move |key, value| taken.lock().unwrap().push((key, value)));
        stream.print(Printed::to(page.clone()).label("l").with(|key, value| format!("{key:?}{value:?}")));
        drop(drive(&builder, &inputs));
        let twice = each(&inputs, |key, value| vec![(key, value), (key, value)]);
        let expected: Vec<_> = twice.into_iter().map(|record| (record.key, record.value)).collect();
        prop_assert_eq!(&*seen.lock().unwrap(), &expected);
        let lines: String = expected.iter().step_by(2).map(|(key, value)| format!("[l]: {key:?}{value:?}\n")).collect();
        let printed = page.0.lock().unwrap().clone();
        prop_assert_eq!(String::from_utf8(printed).unwrap(), lines);
    }

    #[test]
    fn a_pattern_reads_what_matches(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        builder.stream(Topics::<Key, Value>::matching("[ab]")).to(OUT);
        prop_assert_eq!(drive(&builder, &inputs).output(OUT).drain(), each(&inputs, |key, value| vec![(key, value)]));
    }

    #[test]
    fn an_extractor_sees_the_time_of_its_partition(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        let own = Consumed::from([A, B]).timestamps_by(|record, partition_time| match record.value {
            None => None,
            Some(value) if value < 0 => Some(partition_time),
            Some(value) => Some(record.timestamp + value),
        });
        builder.stream(own).to(OUT);
        let mut times = BTreeMap::new();
        let mut expected = Vec::new();
        for (topic, input) in &inputs {
            let time = times.entry(*topic).or_insert(-1_i64);
            let own = match input.value {
                None => -1,
                Some(value) if value < 0 => *time,
                Some(value) => input.timestamp + value,
            };
            if own >= 0 {
                *time = own.max(*time);
                expected.push(input.clone().at(own));
            }
        }
        prop_assert_eq!(drive(&builder, &inputs).output(OUT).drain(), expected);
    }
}

/// What a table of `TABLE` and what is derived from it say of the updates, which have keys.
fn updates(inputs: &[(bool, Input)], draw: impl Fn(KTable<u8, i64>) -> KTable<u8, i64>) -> Vec<Input> {
    let builder = StreamsBuilder::new();
    draw(builder.table_in(TABLE, "source")).to_stream().map(|key, value| (Some(key), value)).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (_, input) in inputs {
        send(&mut driver, Topic::new("table"), input);
    }
    driver.output(OUT).drain()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_update_has_the_time_and_headers_of_its_record(inputs in inputs()) {
        let mut table = BTreeMap::new();
        let (mut all, mut odd, mut tens) = (Vec::new(), Vec::new(), Vec::new());
        for (_, input) in &inputs {
            let Some(key) = input.key else { continue };
            let old = match input.value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
            if old.is_none() && input.value.is_none() {
                continue;
            }
            all.push(input.clone());
            tens.push(input.clone().with_value(input.value.map(|value| value * 10)));
            let kept = input.value.filter(|_| is_odd(input.value));
            if kept.is_some() || is_odd(old) {
                odd.push(input.clone().with_value(kept));
            }
        }
        prop_assert_eq!(updates(&inputs, |table| table), all);
        prop_assert_eq!(updates(&inputs, |table| table.map_values(|value| value * 10)), tens);
        prop_assert_eq!(updates(&inputs, |table| table.filter(|_, value| is_odd(Some(*value)))), odd.clone());
        prop_assert_eq!(updates(&inputs, |table| table.filter_not_in("kept", |_, value| !is_odd(Some(*value)))), odd);
    }

    #[test]
    fn a_count_is_as_late_as_the_latest_of_its_records(inputs in inputs()) {
        let builder = StreamsBuilder::new();
        let counts = builder.stream([A, B]).group_by_key().count("counts").to_stream();
        counts.map(|key, value| (Some(key), value)).to(OUT);
        let mut counts: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
        let mut expected = Vec::new();
        for (_, input) in &inputs {
            let (Some(key), Some(_)) = (input.key, input.value) else { continue };
            let (count, time) = counts.entry(key).or_insert((0, input.timestamp));
            (*count, *time) = (*count + 1, input.timestamp.max(*time));
            expected.push(input.clone().with_value(Some(*count)).at(*time));
        }
        prop_assert_eq!(drive(&builder, &inputs).output(OUT).drain(), expected);
    }

    #[test]
    fn the_count_of_a_group_of_a_table_is_as_late_as_the_latest_update(inputs in inputs()) {
        let group = |value: &i64| value.rem_euclid(3) as u8;
        let counts = updates(&inputs, |table| {
            table.group_by(move |_, value| (Some(group(value)), Some(*value))).count("counts")
        });
        let mut table: BTreeMap<u8, i64> = BTreeMap::new();
        let mut groups: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
        let mut expected = Vec::new();
        for (_, input) in &inputs {
            let Some(key) = input.key else { continue };
            let old = match input.value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
            for (value, by) in [(old, -1), (input.value, 1)] {
                let Some(value) = value else { continue };
                let (count, time) = groups.entry(group(&value)).or_insert((0, input.timestamp));
                (*count, *time) = (*count + by, input.timestamp.max(*time));
                let key = Some(group(&value));
                expected.push(Record { key, value: Some(*count), timestamp: *time, headers: input.headers.clone() });
            }
        }
        // The old group and the new one are told of as the cache has it: each of them at least of its last count.
        prop_assert!(counts.len() <= expected.len());
        for key in 0..3 {
            let last = |records: &[Input]| records.iter().rfind(|record| record.key == Some(key)).cloned();
            prop_assert_eq!(last(&counts), last(&expected));
        }
    }

    #[test]
    fn what_is_joined_has_the_time_and_headers_of_the_stream(steps in inputs()) {
        let builder = StreamsBuilder::new();
        let (table, global) = (builder.table(TABLE), builder.global_table(Topic::<u8, i64>::new("global")));
        let stream = builder.stream(A);
        stream.join_table_with_key(&table, |key, value, found| Some(value * 100 + found + i64::from(*key))).to(OUT);
        let joined = Topic::<Key, Value>::new("joined");
        let key = |key: &Key, value: &i64| (*value >= 0).then_some(*key)?;
        stream.left_join_global_with_key(&global, key, |_, value, found| Some(value * 100 + found.unwrap_or(&50))).to(joined.clone());
        let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
        let mut held: BTreeMap<u8, i64> = BTreeMap::new();
        let (mut inner, mut left) = (Vec::new(), Vec::new());
        for (is_update, input) in &steps {
            if *is_update {
                send(&mut driver, Topic::new("table"), input);
                send(&mut driver, Topic::new("global"), input);
                match (input.key, input.value) {
                    (Some(key), Some(value)) => drop(held.insert(key, value)),
                    (Some(key), None) => drop(held.remove(&key)),
                    (None, _) => {}
                }
                continue;
            }
            send(&mut driver, A, input);
            let Some(value) = input.value else { continue };
            if let Some((key, found)) = input.key.and_then(|key| Some((key, held.get(&key)?))) {
                inner.push(input.clone().with_value(Some(value * 100 + found + i64::from(key))));
            }
            let wanted = input.key.filter(|_| value >= 0);
            if wanted.is_some() || input.key.is_none() {
                let found = wanted.and_then(|key| held.get(&key)).unwrap_or(&50);
                left.push(input.clone().with_value(Some(value * 100 + found)));
            }
        }
        prop_assert_eq!(driver.output(OUT).drain(), inner);
        prop_assert_eq!(driver.output(joined).drain(), left);
    }
}
