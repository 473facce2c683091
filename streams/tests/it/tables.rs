//! Random programs with tables on random input out of order, as Kafka Streams 4.3.1 described and ran them.
//!
//! `tests/data/tables/random.txt` is written by `tests/data/tables/Tables.java`. A program is its `op` lines, each of which
//! makes one more stream or table of texts from earlier ones, named by their number; then come the topology's text, its text
//! after `optimised` if all optimisations change it, and the dialogue with `TopologyTestDriver`; `====` ends it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use millstream::data::DataError;
use millstream::prelude::*;
use millstream::serde::{Native, Serde};
use millstream::topology::Optimization;

use super::golden::written;

type Stream = KStream<String, String>;
type Table = KTable<String, String>;
type Store<V> = KeyValueStore<String, V>;

/// What the lines so far have made.
#[derive(Default)]
struct Made {
    streams: Vec<Stream>,
    tables: Vec<Table>,
    globals: Vec<GlobalKTable<String, String>>,
}

/// The words of one line.
struct Line<'a>(Vec<&'a str>);

impl<'a> Line<'a> {
    fn word(&self, index: usize) -> &'a str {
        self.0[index]
    }

    fn number(&self, index: usize) -> usize {
        self.word(index).parse().unwrap()
    }

    /// `-` and `+` have no name, `name!` has no cache.
    fn store<V: Data>(&self, index: usize) -> Store<V> {
        match self.word(index) {
            "-" | "+" => KeyValueStore::generated(),
            name => match name.strip_suffix('!') {
                Some(name) => Store::from(name.to_owned()).uncached(),
                None => name.to_owned().into(),
            },
        }
    }

    /// A store, unless none was given at all.
    fn given_store(&self, index: usize) -> Option<Store<String>> {
        (self.word(index) != "-").then(|| self.store(index))
    }

    fn name(&self, index: usize) -> Option<&'a str> {
        (self.word(index) != "-").then(|| self.word(index))
    }
}

fn topic<V: Data>(name: &str) -> Topic<String, V> {
    Topic::with(name.to_owned(), Native, Native)
}

fn first(text: &str) -> String {
    text.chars().take(1).collect()
}

#[expect(clippy::ptr_arg, reason = "tables of texts are filtered by it as it is")]
fn even(_: &String, text: &String) -> bool {
    text.len().is_multiple_of(2)
}

fn without(text: String, part: String) -> String {
    text.replacen(&part, "", 1)
}

fn named_table<K: Clone + Send + 'static, V: Clone + Send + 'static>(
    table: KTable<K, V>,
    name: Option<&str>,
) -> KTable<K, V> {
    match name {
        Some(name) => table.named(name),
        None => table,
    }
}

fn named_stream<V: Data>(stream: KStream<String, V>, name: Option<&str>) -> KStream<String, V> {
    match name {
        Some(name) => stream.named(name),
        None => stream,
    }
}

fn shown(counts: &KTable<String, i64>) -> Table {
    counts.map_values(|count| count.to_string())
}

fn grouped(stream: &Stream, by_value: bool, name: Option<&str>) -> KGroupedStream<String, String> {
    let grouped = if by_value { stream.group_by(|_, text| text.clone()) } else { stream.group_by_key() };
    match name {
        Some(name) => grouped.named(name),
        None => grouped,
    }
}

/// By the first letter, `b` excepted; long values take no part.
fn regrouped(table: &Table, name: Option<&str>) -> KGroupedTable<String, String> {
    let grouped = table.group_by(|key, text| {
        let group = Some(first(text)).filter(|group| group != "b");
        (group, (text.len() <= 6).then(|| format!("{key}{text}")))
    });
    match name {
        Some(name) => grouped.named(name),
        None => grouped,
    }
}

/// `sofar` with a sign and a text behind it; what has grown long is gone.
fn appended(sign: char) -> impl Fn(&String, String, &mut Option<String>) + Send + Sync {
    move |_, text, sofar| {
        *sofar = sofar.take().filter(|sofar| sofar.len() <= 30).map(|sofar| format!("{sofar}{sign}{text}"));
    }
}

fn stream_of_streams(made: &Made, builder: &StreamsBuilder, line: &Line<'_>) -> Option<Stream> {
    let of = |index| &made.streams[line.number(index)];
    Some(match line.word(0) {
        "stream" => builder.stream(topic(line.word(1))),
        "filter" => of(1).filter(even),
        "map_values" => of(1).map_values(|text| text + "!"),
        "map" => of(1).map(|key, text| (first(&text), format!("{key} {text}"))),
        "select_key" => of(1).select_key(|_, text| first(text)),
        "flat_map_values" => {
            of(1).flat_map_values(|text, out| out.extend(text.split(' ').map(str::to_owned)))
        }
        "merge" => of(1).merge(of(2)),
        _ => return None,
    })
}

fn stream_of_tables(made: &Made, line: &Line<'_>) -> Option<Stream> {
    let of = |index: usize| &made.tables[line.number(index)];
    let or_gone = |text: Option<String>| text.unwrap_or("gone".into());
    Some(match line.word(0) {
        "to_stream" => named_stream(of(1).to_stream(), line.name(2)).map_values(or_gone),
        "to_stream_by" => {
            let by_first = of(1).to_stream().select_key(|key, text| match text {
                Some(text) => first(text),
                None => key.clone(),
            });
            by_first.map_values(or_gone)
        }
        "join" => {
            let (stream, table) = (&made.streams[line.number(1)], of(2));
            named_stream(stream.join_table(table, |text, found| format!("{text},{found}")), line.name(3))
        }
        "left_join" => {
            let (stream, table) = (&made.streams[line.number(1)], of(2));
            let joined = stream.left_join_table_with_key(table, |key, text, found| {
                format!("{key}:{text},{}", found.map_or("null", String::as_str))
            });
            named_stream(joined, line.name(3))
        }
        "g_join" => {
            let (stream, table) = (&made.streams[line.number(1)], &made.globals[line.number(2)]);
            let joined =
                stream.join_global(table, |_, text| first(text), |text, found| format!("{text},{found}"));
            named_stream(joined, line.name(3))
        }
        "g_left_join" => {
            let (stream, table) = (&made.streams[line.number(1)], &made.globals[line.number(2)]);
            let joined = stream.left_join_global(
                table,
                |_, text| first(text),
                |text, found| format!("{text},{}", found.map_or("null", String::as_str)),
            );
            named_stream(joined, line.name(3))
        }
        _ => return None,
    })
}

fn table_of_streams(made: &Made, line: &Line<'_>) -> Option<Table> {
    let of = |index| &made.streams[line.number(index)];
    let group = |by_value| grouped(of(1), by_value, line.name(3));
    Some(match line.word(0) {
        "count" => shown(&group(false).count(line.store(2))),
        "count_by" => shown(&group(true).count(line.store(2))),
        "reduce" => group(false).reduce(line.store(2), |a, b| a.max(b)),
        "aggregate" => group(false).aggregate(
            line.store(2),
            || Some(String::new()),
            |_, text, sofar| {
                *sofar = sofar.take().filter(|sofar| sofar.len() <= 12).map(|sofar| sofar + &first(&text));
            },
        ),
        "to_table" => {
            let table = match line.given_store(2) {
                Some(store) => of(1).to_table_in(store),
                None => of(1).to_table(),
            };
            named_table(table, line.name(3))
        }
        _ => return None,
    })
}

fn tables_of_tables(made: &Made, builder: &StreamsBuilder, line: &Line<'_>) -> Vec<Table> {
    let of = |index| &made.tables[line.number(index)];
    let (store, name) = (line.given_store(2), line.name(3));
    let table = match (line.word(0), store) {
        ("table", Some(store)) => builder.table_in(topic(line.word(1)), store),
        ("table", None) => builder.table(topic(line.word(1))),
        ("t_filter", Some(store)) => of(1).filter_in(store, even),
        ("t_filter", None) => of(1).filter(even),
        ("t_filter_not", Some(store)) => of(1).filter_not_in(store, even),
        ("t_filter_not", None) => of(1).filter_not(even),
        ("t_map_values", Some(store)) => of(1).map_values_with_key_in(store, |key, text| text + key),
        ("t_map_values", None) => of(1).map_values_with_key(|key, text| text + key),
        ("t_count", _) => {
            return vec![shown(&named_table(regrouped(of(1), line.name(4)).count(line.store(2)), name))];
        }
        ("t_reduce", _) => regrouped(of(1), line.name(4)).reduce(line.store(2), |a, b| a + &b, without),
        ("t_aggregate", _) => regrouped(of(1), line.name(4)).aggregate(
            line.store(2),
            || Some(String::new()),
            appended('+'),
            appended('-'),
        ),
        ("t_two", _) => {
            let grouped = regrouped(of(1), line.name(4));
            let counts = shown(&grouped.count(line.store(2)));
            return vec![counts, grouped.reduce(line.store(3), |a, b| a + &b, without)];
        }
        _ => return Vec::new(),
    };
    vec![named_table(table, name)]
}

fn apply(builder: &StreamsBuilder, made: &mut Made, line: &str) {
    let line = &Line(line.split(' ').collect());
    if line.word(0) == "to" {
        made.streams[line.number(1)].to(topic(line.word(2)));
        return;
    }
    if line.word(0) == "global" {
        let table = match line.given_store(2) {
            Some(store) => builder.global_table_in(topic(line.word(1)), store),
            None => builder.global_table(topic(line.word(1))),
        };
        made.globals.push(match line.name(3) {
            Some(name) => table.named(name),
            None => table,
        });
        return;
    }
    let stream = stream_of_streams(made, builder, line).or_else(|| stream_of_tables(made, line));
    if let Some(stream) = stream {
        made.streams.push(stream);
        return;
    }
    if let Some(table) = table_of_streams(made, line) {
        made.tables.push(table);
        return;
    }
    let tables = tables_of_tables(made, builder, line);
    assert!(!tables.is_empty(), "{}", line.0.join(" "));
    made.tables.extend(tables);
}

/// Reads values as the oracle shows them.
struct Shown;

impl Serde<String> for Shown {
    fn encode(&self, _value: &String, _out: &mut Vec<u8>) -> Result<bool, DataError> {
        unreachable!("outputs are only read")
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<String, DataError> {
        Ok(match bytes {
            None => "null".into(),
            Some(number @ [0, ..]) if number.len() == 8 => format!("#{}", i64::decode(number)?),
            Some(text) => String::decode(text)?
                .chars()
                .map(|char| if char < ' ' { format!("\\{}", char as u32) } else { char.to_string() })
                .collect(),
        })
    }
}

/// Sends the inputs of `dialogue` and returns the whole as the oracle writes it.
pub(crate) fn replay(topology: &Topology, dialogue: &str) -> String {
    let mut driver = TestDriver::new(topology).unwrap();
    let topics = written(topology);
    let mut said = String::new();
    for line in dialogue.lines().filter(|line| line.starts_with("in ")) {
        writeln!(said, "{line}").unwrap();
        let (name, record) = line[3..].split_once(' ').unwrap();
        let parts: Vec<&str> = record.split('|').collect();
        let mut input = driver.input(topic::<Option<String>>(name)).at(parts[2].parse().unwrap());
        if let Some((header, value)) = parts.get(3).and_then(|header| header.split_once('=')) {
            input = input.header(header, value.as_bytes());
        }
        input.send(parts[0], (parts[1] != "null").then(|| parts[1].to_owned())).unwrap();
        for name in &topics {
            for record in driver.output(Topic::with(name.clone(), Native, Shown)).drain() {
                let Record { key, value, timestamp, headers }: Record<String, String> = record;
                write!(said, "out {name} {key}|{value}|{timestamp}").unwrap();
                for header in headers.iter() {
                    let value = header.value.as_deref().unwrap_or_default();
                    write!(said, "|{}={}", header.name, String::from_utf8_lossy(value)).unwrap();
                }
                said.push('\n');
            }
        }
    }
    said
}

/// A program of the file, and what Kafka Streams said of it.
struct Recorded<'a> {
    ops: &'a str,
    /// As drawn, and optimised.
    texts: [&'a str; 2],
    dialogue: &'a str,
}

fn recorded(programs: &str) -> impl Iterator<Item = Recorded<'_>> {
    programs.split_terminator("====\n").map(|program| {
        let (ops, rest) = program.split_at(program.find("Topologies:").unwrap());
        let (text, rest) = rest.split_once("optimised\n").unwrap();
        let (optimised, dialogue) = rest.split_at(rest.find("in in").unwrap());
        let optimised = if optimised == "same\n" { text } else { optimised };
        Recorded { ops, texts: [text, optimised], dialogue }
    })
}

fn draw(ops: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let mut made = Made::default();
    for line in ops.lines() {
        apply(&builder, &mut made, line.strip_prefix("op ").unwrap());
    }
    builder.build().unwrap()
}

fn programs() -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables/random.txt"))
        .unwrap()
}

#[test]
fn programs_with_tables_behave_as_in_kafka_streams() {
    let (mut failures, mut failed) = (String::new(), 0);
    for Recorded { ops, texts: [text, _], dialogue } in recorded(&programs()) {
        let topology = draw(ops);
        let (described, said) = (topology.describe().to_string(), replay(&topology, dialogue));
        if described != text || said != dialogue {
            failed += 1;
            writeln!(failures, "{ops}expected\n{text}{dialogue}got\n{described}{said}").unwrap();
        }
    }
    assert!(failed == 0, "{failed} programs differ:\n{failures}");
}

#[test]
fn optimised_programs_have_the_nodes_and_topics_of_kafka_streams() {
    let (mut failures, mut failed) = (String::new(), 0);
    for Recorded { ops, texts: [_, text], .. } in recorded(&programs()) {
        let described = draw(ops).optimized(Optimization::ALL).describe().to_string();
        if described != text {
            failed += 1;
            writeln!(failures, "{ops}expected\n{text}got\n{described}").unwrap();
        }
    }
    assert!(failed == 0, "{failed} programs differ:\n{failures}");
}

/// What `dialogue` says to the topics of the user, in the order of their names and in that of the records.
fn to_the_user(dialogue: &str) -> Vec<&str> {
    let mut said: Vec<&str> = dialogue.lines().filter(|line| line.starts_with("out out")).collect();
    said.sort_by_key(|line| line.split(' ').nth(1));
    said
}

#[test]
fn optimised_programs_say_the_same() {
    for Recorded { ops, dialogue, .. } in recorded(&programs()) {
        let said = replay(&draw(ops).optimized(Optimization::ALL), dialogue);
        assert_eq!(to_the_user(&said), to_the_user(dialogue), "{ops}");
    }
}
