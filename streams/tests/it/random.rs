//! Random programs on random input out of order, as Kafka Streams 4.3.1 described and ran them.
//!
//! `tests/data/random.txt` is written by `tests/data/Spec.java`. A program is its `op` lines, each of which makes one more
//! stream of texts from earlier ones, named by their number; then come the topology's text and the dialogue with
//! `TopologyTestDriver`; `====` ends it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use millstream::prelude::*;
use millstream::serde::Native;

use super::tables::replay;

type Stream = KStream<String, String>;

fn store<V: Data>(name: &str) -> KeyValueStore<String, V> {
    if name == "-" { KeyValueStore::generated() } else { KeyValueStore::from(name.to_owned()) }
}

fn topic(name: &str) -> Topic<String, String> {
    Topic::with(name.to_owned(), Native, Native)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)
}

fn first(text: &str) -> String {
    text.chars().take(1).collect()
}

fn shown(counts: &KTable<String, i64>) -> Stream {
    counts.to_stream().map_values(|count| count.unwrap().to_string())
}

fn or_gone(table: &KTable<String, String>) -> Stream {
    table.to_stream().map_values(|value| value.unwrap_or("gone".into()))
}

/// One line of a program; `None` for one that makes no stream.
fn apply(builder: &StreamsBuilder, streams: &[Stream], line: &str) -> Option<Stream> {
    let words_of_line: Vec<&str> = line.split(' ').collect();
    let argument = |index: usize| words_of_line[index];
    let of = |index: usize| &streams[argument(index).parse::<usize>().unwrap()];
    let even = |_: &String, text: &String| text.len().is_multiple_of(2);
    Some(match argument(0) {
        "stream" => builder.stream(topic(argument(1))),
        "table" if argument(2) == "-" => or_gone(&builder.table(topic(argument(1)))),
        "table" => or_gone(&builder.table_in(topic(argument(1)), store(argument(2)))),
        "filter" => of(1).filter(even),
        "filter_not" => of(1).filter_not(even),
        "named_filter" => of(1).filter(even).named(argument(2)),
        "map_values" => of(1).map_values(|text| text + "!"),
        "map" => of(1).map(|key, text| (first(&text), format!("{key} {text}"))),
        "flat_map" => {
            of(1).flat_map(|key, text, out| out.extend(words(text).map(|word| (word, key.clone()))))
        }
        "flat_map_values" => of(1).flat_map_values(|text, out| out.extend(words(text))),
        "select_key" => of(1).select_key(|_, text| first(text)),
        "peek" => of(1).peek(|_, _| {}),
        "merge" => of(1).merge(of(2)),
        "count" => shown(&of(1).group_by_key().count(store(argument(2)))),
        "count_by" => shown(&of(1).group_by(|_, text| text.clone()).count(store(argument(2)))),
        "count_by_named" => {
            let grouped = of(1).group_by(|_, text| text.clone()).named(argument(3));
            shown(&grouped.count(store(argument(2))))
        }
        "reduce" => or_gone(&of(1).group_by_key().reduce(store(argument(2)), |a, b| a.max(b))),
        "aggregate" => or_gone(&of(1).group_by_key().aggregate(
            store(argument(2)),
            || Some(String::new()),
            |_, text, sofar| {
                *sofar = sofar.take().filter(|sofar| sofar.len() <= 12).map(|sofar| sofar + &first(&text))
            },
        )),
        "to" => {
            of(1).to(topic(argument(2)));
            return None;
        }
        other => panic!("{other}"),
    })
}

#[test]
fn random_programs_behave_as_in_kafka_streams() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/random.txt");
    let programs = fs::read_to_string(path).unwrap();
    let (mut failures, mut failed) = (String::new(), 0);
    for program in programs.split_terminator("====\n") {
        let (ops, rest) = program.split_at(program.find("Topologies:").unwrap());
        let (text, dialogue) =
            rest.split_at(rest.find("in ").filter(|at| rest[..*at].ends_with('\n')).unwrap());
        let builder = StreamsBuilder::new();
        let mut streams = Vec::new();
        for line in ops.lines() {
            streams.extend(apply(&builder, &streams, line.strip_prefix("op ").unwrap()));
        }
        let topology = builder.build().unwrap();
        let (described, said) = (topology.describe().to_string(), replay(&topology, dialogue));
        if described != text || said != dialogue {
            failed += 1;
            writeln!(failures, "{ops}expected\n{text}{dialogue}got\n{described}{said}").unwrap();
        }
    }
    assert!(failed == 0, "{failed} programs differ:\n{failures}");
}
