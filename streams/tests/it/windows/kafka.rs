//! Windowed programs on random input out of order, as Kafka Streams 4.3.1 described and ran them.
//!
//! `tests/data/windows/programs.txt` is written by `Windows.java` beside it. A program is its `op` lines; then come the
//! topology's text, the dialogue with `TopologyTestDriver` (`in` and `out`, headers last), what the stores held at the end,
//! and how many records were dropped; `====` ends it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use millstream::data::DataError;
use millstream::prelude::*;
use millstream::processor::Headers;
use millstream::serde::{Native, Serde, TimeWindowedSerde};

use crate::golden::written;

type Text = Option<String>;

/// What the lines of a program have made so far, each kind numbered by itself.
#[derive(Default)]
struct Made {
    streams: Vec<KStream<Text, Text>>,
    groups: Vec<KGroupedStream<Text, Text>>,
    windows: Vec<KStream<Windowed<String>, String>>,
}

fn first(text: &Text) -> String {
    text.as_ref().map_or("-".into(), |text| text.chars().take(1).collect())
}

fn even(text: &Text) -> bool {
    text.as_ref().is_some_and(|text| text.len().is_multiple_of(2))
}

fn ms(text: &str) -> Duration {
    millis(text.parse().unwrap())
}

fn store<V: Data>(text: &str) -> WindowStore<String, V> {
    let mut parts = text.split(',');
    let store = match parts.next().unwrap() {
        "-" => WindowStore::generated(),
        name => WindowStore::from(name.to_owned()),
    };
    parts.fold(store, |store, option| match option.split_at(1) {
        ("u", _) => store.uncached(),
        ("m", _) => store.in_memory(),
        ("r", retention) => store.retention(ms(retention)),
        _ => panic!("{text}"),
    })
}

fn windowed(grouped: &KGroupedStream<Text, Text>, text: &str) -> TimeWindowedKStream<Text, Text> {
    let parts: Vec<&str> = text.split(',').collect();
    let windows = TimeWindows::of(ms(parts[0])).grace(ms(parts[1])).advance_by(ms(parts[2]));
    let emit = if parts.len() > 3 { Emit::OnClose } else { Emit::OnUpdate };
    grouped.windowed_by(windows).emit(emit)
}

/// The updates of a table as texts.
fn shown<V: Data + ToString>(table: KTable<Windowed<String>, V>) -> KStream<Windowed<String>, String> {
    table.to_stream().map_values(|value| value.map_or("gone".into(), |value| value.to_string()))
}

fn apply(builder: &StreamsBuilder, made: &mut Made, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |index: usize| words[index].parse::<usize>().unwrap();
    let stream = || &made.streams[number(1)];
    let grouped = || windowed(&made.groups[number(1)], words[2]);
    match words[0] {
        "stream" => made.streams.push(builder.stream(Topic::with(words[1].to_owned(), Native, Native))),
        "filter" => made.streams.push(stream().filter(|_, text| even(text))),
        "select_key" => made.streams.push(stream().select_key(|_, text| Some(first(text)))),
        "map_values" => made.streams.push(stream().map_values(|text| text.map(|text| text + "!"))),
        "merge" => made.streams.push(stream().merge(&made.streams[number(2)])),
        "to" => drop(stream().to(Topic::with(words[2].to_owned(), Native, Native))),
        "group" => made.groups.push(stream().group_by_key()),
        "group_by" => {
            let grouped = stream().group_by(|_, text| Some(first(text)));
            made.groups.push(match words.get(2) {
                Some(name) => grouped.named(name),
                None => grouped,
            });
        }
        "count" => {
            let counts = grouped().count(store(words[3]));
            made.windows.push(shown(match words.get(4) {
                Some(name) => counts.named(name),
                None => counts,
            }));
        }
        "reduce" => {
            let larger = |a: Text, b: Text| b.and_then(|b| a.map(|a| a.max(b)));
            made.windows.push(shown(grouped().reduce(store(words[3]), larger)));
        }
        "aggregate" => {
            let fold = |_: &String, text: Text, sofar: &mut Text| {
                *sofar = sofar.take().filter(|sofar| sofar.len() <= 4).map(|sofar| sofar + &first(&text));
            };
            let start = || Some(String::new());
            made.windows.push(shown(grouped().aggregate(store(words[3]), start, fold)));
        }
        "windows_to" => {
            let keys = TimeWindowedSerde::new(Native, ms(words[3]));
            drop(made.windows[number(1)].to(Topic::with(words[2].to_owned(), keys, Native)));
        }
        "unwindow" => made.streams.push(made.windows[number(1)].map(|Windowed { key, window }, text| {
            (Some(format!("{key}@{}-{}", window.start, window.end)), Some(text))
        })),
        other => panic!("{other}"),
    }
}

/// Bytes as hexadecimal text, null as `null`.
struct Hex;

impl Serde<String> for Hex {
    fn encode(&self, _value: &String, _out: &mut Vec<u8>) -> Result<bool, DataError> {
        unreachable!("outputs are only read")
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<String, DataError> {
        Ok(bytes.map_or("null".into(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

fn head(headers: &Headers) -> String {
    let one = |name: &str, value: &[u8]| format!("{name}={}", String::from_utf8_lossy(value));
    let all = headers.iter().map(|header| one(&header.name, header.value.as_deref().unwrap_or_default()));
    all.collect::<Vec<_>>().join(",")
}

fn replay(topology: &Topology, dialogue: &str) -> String {
    let mut driver = TestDriver::new(topology).unwrap();
    let topics = written(topology);
    let mut said = String::new();
    for line in dialogue.lines().filter(|line| line.starts_with("in ")) {
        writeln!(said, "{line}").unwrap();
        let (name, record) = line[3..].split_once(' ').unwrap();
        let [key, value, timestamp, headers] = record.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let nullable = |text: &str| (text != "null").then(|| text.to_owned());
        let topic: Topic<Text, Text> = Topic::with(name.to_owned(), Native, Native);
        let mut input = driver.input(topic).at(timestamp.parse().unwrap());
        if let Some((name, value)) = headers.split_once('=') {
            input = input.header(name, value.as_bytes());
        }
        input.send(nullable(key), nullable(value)).unwrap();
        for name in &topics {
            for record in driver.output(Topic::<String, String>::with(name.clone(), Hex, Hex)).drain() {
                let Record { key, value, timestamp, headers } = record;
                writeln!(said, "out {name} {key}|{value}|{timestamp}|{}", head(&headers)).unwrap();
            }
        }
    }
    let mut stores: Vec<_> = topology.subtopologies().iter().flat_map(|part| &part.stores).collect();
    stores.sort_by(|a, b| a.name.cmp(&b.name));
    for store in stores {
        for (key, value) in entries(&driver, &store.name) {
            writeln!(said, "store {} {key}|{value}", store.name).unwrap();
        }
    }
    // On the way to a repartition topic Kafka does not count what it drops; we do.
    match topology.subtopologies() {
        [_] => writeln!(said, "dropped {}", driver.dropped_records()).unwrap(),
        _ => said.extend(
            dialogue.lines().filter(|line| line.starts_with("dropped ")).map(|line| format!("{line}\n")),
        ),
    }
    said
}

/// The entries of a window store of texts or of numbers.
fn entries(driver: &TestDriver, name: &str) -> Vec<(Windowed<String>, String)> {
    if let Ok(texts) = driver.store(WindowStore::<String, String>::from(name.to_owned())) {
        return texts.all().unwrap();
    }
    let numbers = driver.store(WindowStore::<String, i64>::from(name.to_owned())).unwrap();
    numbers.all().unwrap().into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

#[test]
fn windowed_programs_behave_as_in_kafka_streams() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/windows/programs.txt");
    let programs = fs::read_to_string(path).unwrap();
    let (mut failures, mut failed, mut total) = (String::new(), 0, 0);
    for program in programs.split_terminator("====\n") {
        let (ops, rest) = program.split_at(program.find("Topologies:").unwrap());
        let (text, dialogue) = rest.split_at(rest.find("\nin ").unwrap() + 1);
        let builder = StreamsBuilder::new();
        let mut made = Made::default();
        for line in ops.lines() {
            apply(&builder, &mut made, line.strip_prefix("op ").unwrap());
        }
        let topology = builder.build().unwrap();
        let (described, said) = (topology.describe().to_string(), replay(&topology, dialogue));
        total += 1;
        if described != text || said != dialogue {
            failed += 1;
            writeln!(failures, "{ops}expected\n{text}{dialogue}got\n{described}{said}").unwrap();
        }
    }
    assert!(failed == 0, "{failed} of {total} programs differ:\n{failures}");
}
