//! The same failures in Kafka Streams and here: what goes on, what the dead letters are, what the stores hold afterwards.
//!
//! `tests/data/errors/NAME.txt` is what Kafka Streams 4.3.1 said (`tests/data/errors/Errors.java` writes the files), under
//! handlers that go on and a dead-letter topic `dead`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use millstream::data::DataError;
use millstream::prelude::*;
use millstream::serde::{Native, Serde};

use crate::kafka::replay::{send, shown};

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

const A: Topic<String, String> = Topic::new("a");
const B: Topic<String, String> = Topic::new("b");

/// What every closure does: a value with an exclamation mark is too loud.
fn calm(value: &str) -> String {
    assert!(!value.contains('!'), "too loud: {value}");
    value.to_owned()
}

fn twice(stores: &mut Stores<'_>) -> Twice {
    Twice { kept: stores.open(KeyValueStore::from("kept")) }
}

/// Keeps the value, passes it on, fails if it is "fail", passes it on again.
struct Twice {
    kept: Open<KeyValueStore<String, String>>,
}

impl Processor<String, String> for Twice {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        self.kept.put(&record.key, record.value.clone())?;
        let value = record.value.clone();
        cx.forward(record.clone().with_value(format!("1{value}")));
        if value == "fail" {
            return Err(ProcessError::new("told to"));
        }
        cx.forward(record.with_value(format!("2{value}")));
        Ok(())
    }
}

/// At every tenth millisecond: one record that the node below takes, one that it does not, one that it does; the third time it
/// fails in between.
#[derive(Default)]
struct Ticks {
    times: u32,
}

impl Processor<String, String> for Ticks {
    type Out = (String, String);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(PunctuationKind::StreamTime, millis(10));
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        cx.forward(record);
        Ok(())
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        let mut tell = |sign: &str| {
            cx.forward(Record::new("k".to_owned(), format!("{sign}{}", at.time), at.time));
        };
        tell("a");
        tell("!");
        self.times += 1;
        assert!(self.times != 3, "the third");
        tell("b");
        Ok(())
    }
}

/// Writes calm texts alone.
struct Calm;

impl Serde<String> for Calm {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<bool, DataError> {
        if value.contains('!') {
            return Err(DataError::format(format!("too loud: {value}")));
        }
        out.extend_from_slice(value.as_bytes());
        Ok(true)
    }

    fn decode(&self, _bytes: Option<&[u8]>) -> Result<String, DataError> {
        unreachable!("it is only written")
    }
}

const ALL: KeyValueStore<String, String> = KeyValueStore::new("all");

fn aggregated(builder: &StreamsBuilder, store: KeyValueStore<String, String>) -> KTable<String, String> {
    let add = |_: &String, value: String, all: &mut String| all.push_str(&calm(&value));
    builder.stream(A).group_by_key().aggregate(store, String::new, add)
}

fn last(builder: &StreamsBuilder, store: KeyValueStore<String, String>) -> KTable<String, String> {
    let take = |_: &String, value: String, all: &mut String| *all = value;
    builder.stream(A).group_by_key().aggregate(store, String::new, take)
}

type Program = fn(&StreamsBuilder);

const PROGRAMS: [(&str, Program); 19] = [
    ("decode", |b| b.stream(Topic::<String, i64>::new("a")).to(Topic::new("b")).named("out")),
    ("decode_key", |b| b.stream(Topic::<i32, String>::new("a")).to(Topic::new("b")).named("out")),
    ("map_values", |b| b.stream(A).map_values(|v| calm(&v)).to(B).named("out")),
    ("after_flat_map", |b| {
        let words = b.stream(A).flat_map_values(|v, out| v.split(' ').for_each(|w| out.push(w.to_owned())));
        words.map_values(|v| calm(&v)).to(B).named("out");
    }),
    ("in_flat_map", |b| {
        let words = b.stream(A).flat_map_values(|v, out| v.split(' ').for_each(|w| out.push(calm(w))));
        words.to(B).named("out");
    }),
    ("fan_out", |b| {
        let stream = b.stream(A);
        stream.map_values(|v| format!("1{v}")).to(Topic::new("x")).named("x");
        stream.map_values(|v| calm(&v)).to(Topic::new("y")).named("y");
        stream.map_values(|v| format!("3{v}")).to(Topic::new("z")).named("z");
    }),
    ("aggregate", |b| {
        aggregated(b, ALL).to_stream().to(Topic::<String, Option<String>>::new("b")).named("o")
    }),
    ("aggregate_uncached", |b| {
        aggregated(b, ALL.uncached()).to_stream().to(Topic::<String, Option<String>>::new("b")).named("o");
    }),
    ("below_aggregate", |b| {
        let values = last(b, ALL).to_stream().map_values(|v| calm(&v.unwrap_or_default()));
        values.to(B).named("out");
    }),
    ("below_aggregate_uncached", |b| {
        let values = last(b, ALL.uncached()).to_stream().map_values(|v| calm(&v.unwrap_or_default()));
        values.to(B).named("out");
    }),
    ("reduce_after_repartition", |b| {
        let grouped = b.stream(A).select_key(|k, _| format!("{k}{k}")).group_by_key();
        let all = grouped.reduce("all", |a: String, b: String| a + &calm(&b));
        all.to_stream().to(Topic::<String, Option<String>>::new("b")).named("out");
    }),
    ("table_filter", |b| {
        let long = b.table_in(A, ALL).filter(|_, v| calm(v).len() > 1);
        long.to_stream().to(Topic::<String, Option<String>>::new("b")).named("out");
    }),
    ("table_grouped", |b| {
        let grouped = b.table_in(A, ALL).group_by(|_, v| ("g".to_owned(), v.clone()));
        let add = |_: &String, v: String, all: &mut String| *all += &format!("+{}", calm(&v));
        let subtract = |_: &String, v: String, all: &mut String| *all += &format!("-{v}");
        let sum = grouped.aggregate("sum", String::new, add, subtract);
        sum.to_stream().to(Topic::<String, Option<String>>::new("b")).named("out");
    }),
    ("join_table", |b| {
        let table = b.table_in(Topic::<String, String>::new("t"), ALL);
        b.stream(A).join_table(&table, |x, y| calm(&x) + y).to(B).named("out");
    }),
    ("windows", |b| {
        let windows = TimeWindows::of(millis(20)).advance_by(millis(10)).grace(millis(50));
        let add = |_: &String, v: String, all: &mut String| {
            *all += &if all.is_empty() { v } else { calm(&v) };
        };
        let all = b.stream(A).group_by_key().windowed_by(windows).aggregate("all", String::new, add);
        let named = all.to_stream().map(|k, v| (format!("{}@{}", k.key, k.window.start), v));
        named.to(Topic::<String, Option<String>>::new("b")).named("out");
    }),
    ("below_windows", |b| {
        let windows = TimeWindows::of(millis(20)).advance_by(millis(10)).grace(millis(50));
        let grouped = b.stream(A).group_by_key().windowed_by(windows);
        let store = WindowStore::<String, String>::from("all").uncached();
        let all = grouped.aggregate(store, String::new, |_, v, all: &mut String| *all += &v);
        let named = all.to_stream().map(|k, v| (format!("{}@{}", k.key, k.window.start), v));
        let checked = named.peek(|k, _| assert!(!k.ends_with("@10"), "too loud: !{k}"));
        checked.to(Topic::<String, Option<String>>::new("b")).named("out");
    }),
    ("processor", |b| {
        let stream = b.stream(A).process(twice);
        stream.map_values(|v| calm(&v)).to(B).named("out");
        stream.to(Topic::new("c")).named("c");
    }),
    ("punctuation", |b| {
        b.stream(A).process(|_| Ticks::default()).map_values(|v| calm(&v)).to(B).named("out");
    }),
    ("sink", |b| b.stream(A).map_values(|v| v).to(Topic::with("b", Native, Calm)).named("out")),
];

/// The dialogue as the oracle writes it.
fn replay(program: Program, run: &str) -> String {
    let builder = StreamsBuilder::new();
    program(&builder);
    let topology = builder.build().unwrap();
    let driver = TestDriver::builder(&topology).on_error(|_| Action::DeadLetter).dead_letters("dead");
    let mut driver = driver.build().unwrap();
    let mut dialogue = String::new();
    for line in run.lines().filter(|line| line.starts_with("in ")) {
        writeln!(dialogue, "{line}").unwrap();
        send(&mut driver, &line[3..]).unwrap();
        for topic in ["b", "c", "dead", "x", "y", "z"] {
            for record in driver.output(Topic::<String, String>::with(topic, Hex, Hex)).drain() {
                let Record { key, value, timestamp, headers } = record;
                let headers = shown(&headers).replace('\n', " ");
                writeln!(dialogue, "out {topic} {key}|{value}|{timestamp}{headers}").unwrap();
            }
        }
    }
    for store in ["all", "kept", "sum"] {
        let Ok(store) = driver.store(KeyValueStore::<String, String>::from(store)).map(|it| (store, it))
        else {
            continue;
        };
        for (key, value) in store.1.all().unwrap() {
            writeln!(dialogue, "store {} {key}|{value}", store.0).unwrap();
        }
    }
    writeln!(dialogue, "dropped {}", driver.dropped_records()).unwrap();
    dialogue
}

/// What the two sides need not agree on: the name of the error, the stack, what a deserialiser says, the application's name,
/// what is said in the middle of a text of ours.
fn comparable(dialogue: &str, decodes: bool) -> String {
    let mut dropped = 0;
    let mut all = String::new();
    for line in dialogue.lines() {
        if let Some(count) = line.strip_prefix("dropped ") {
            dropped += count.split(' ').next_back().unwrap().parse::<u64>().unwrap();
            continue;
        }
        let mut fields: Vec<String> = Vec::new();
        for field in line.split(';') {
            let (name, value) = field.split_once("__streams.errors.").unwrap_or((field, ""));
            fields.push(match value.split_once('=') {
                Some((header @ ("exception" | "stacktrace"), _)) => format!("{name}{header}"),
                Some((header @ "message", _)) if decodes => format!("{name}{header}"),
                Some(("message", text)) => format!("{name}{}", &text[text.find("too loud").unwrap_or(0)..]),
                Some(("topic", topic)) => {
                    format!("{name}topic={}", topic.strip_prefix("app-").unwrap_or(topic))
                }
                _ => field.to_owned(),
            });
        }
        writeln!(all, "{}", fields.join(";")).unwrap();
    }
    writeln!(all, "dropped {dropped}").unwrap();
    all
}

#[test]
fn failures_leave_what_they_leave_in_kafka_streams() {
    let mut failures = String::new();
    for (name, program) in PROGRAMS {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/errors/{name}.txt"));
        let run = fs::read_to_string(file).unwrap();
        let decodes = name.starts_with("decode");
        let (expected, got) = (comparable(&run, decodes), comparable(&replay(program, &run), decodes));
        if expected != got {
            writeln!(failures, "{name}: expected\n{expected}\ngot\n{got}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
