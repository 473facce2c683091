//! Programs as text, one operator a line: what `tests/oracle/Operators.java` says, in our words.

use millstream::dsl::Output;
use millstream::prelude::*;
use millstream::serde::{Native, TimeWindowedSerde};

use super::processors::{Shout, Stamp, Tally, Ticks};
use super::words::{
    Key, Line, Table, Text, appended, dropping, even, first, first_of, is_even, ms, named, named_group,
    named_sink, named_table, regrouped, show, shown, topic, without, words,
};

type Windows = KStream<Windowed<String>, String>;

pub(super) fn draw(builder: &StreamsBuilder, program: &str) {
    let mut lines = program.lines().filter_map(|line| line.strip_prefix("op ")).peekable();
    if lines.next_if_eq(&"nullable").is_some() {
        draw_with::<Text>(builder, lines);
    } else {
        draw_with::<String>(builder, lines);
    }
}

fn draw_with<'a, K: Key>(builder: &StreamsBuilder, lines: impl Iterator<Item = &'a str>) {
    let mut made = Made::<K>::default();
    for text in lines {
        let line = Line(text.split(' ').collect());
        let known = made.source(builder, &line)
            || made.stream(&line)
            || made.branches(&line)
            || made.join(&line)
            || made.sink(&line)
            || made.table(&line)
            || made.table_of_table(&line)
            || made.stream_of_table(&line)
            || made.window(&line);
        assert!(known, "{text}");
    }
}

/// What the lines so far have made, each kind numbered by itself.
struct Made<K: Key> {
    streams: Vec<KStream<K, Text>>,
    tables: Vec<Table>,
    globals: Vec<GlobalKTable<String, String>>,
    /// By their own keys.
    groups: Vec<Grouped<K>>,
    windows: Vec<Windows>,
}

/// By the keys of the stream, or by those made for the grouping.
enum Grouped<K: Key> {
    ByKey(KGroupedStream<K, Text>),
    By(KGroupedStream<Text, Text>),
}

impl<K: Key> Default for Made<K> {
    fn default() -> Self {
        Self { streams: vec![], tables: vec![], globals: vec![], groups: vec![], windows: vec![] }
    }
}

impl<K: Key> Made<K> {
    fn source(&mut self, builder: &StreamsBuilder, line: &Line<'_>) -> bool {
        match line.word(0) {
            "stream" => {
                let topics: Vec<Topic<K, Text>> = line.word(1).split(',').map(topic).collect();
                self.read(builder, topics.into(), line);
            }
            "pattern" => {
                let topics = Topics::<K, Text>::matching(line.word(1).to_owned());
                self.read(builder, topics.into(), line);
            }
            "table" => {
                let table = match line.given_store(2) {
                    Some(store) => builder.table_in(topic(line.word(1)), store),
                    None => builder.table(topic(line.word(1))),
                };
                self.tables.push(named_table(table, line.name(3)));
            }
            "global" => {
                let table = match line.given_store(2) {
                    Some(store) => builder.global_table_in(topic(line.word(1)), store),
                    None => builder.global_table(topic(line.word(1))),
                };
                self.globals.push(match line.name(3) {
                    Some(name) => table.named(name),
                    None => table,
                });
            }
            _ => return false,
        }
        true
    }

    /// With "own", times are set by the values.
    fn read(&mut self, builder: &StreamsBuilder, from: Consumed<K, Text>, line: &Line<'_>) {
        let from = match line.word(3) {
            "own" => from.timestamps_by(|record, partition_time| match record.value.as_deref() {
                None => Some(partition_time),
                Some(text) if text.starts_with('d') => None,
                Some(text) if text.starts_with('b') => Some(partition_time),
                Some(_) => Some(record.timestamp + 5),
            }),
            _ => from,
        };
        self.streams.push(named(builder.stream(from), line.name(2)));
    }

    fn stream(&mut self, line: &Line<'_>) -> bool {
        let of = |index| &self.streams[line.number(index)];
        let (stream, name) = match line.word(0) {
            "filter" => (of(1).filter(|_, value| is_even(value)), 2),
            "filter_not" => (of(1).filter_not(|_, value| is_even(value)), 2),
            "map_values" => (of(1).map_values(|value| value.map(|text| text + "!")), 2),
            "map_values_key" => {
                let with_key =
                    |key: &K, value: Text| Some(format!("{}{}", show(value.as_ref()), show(key.text())));
                (of(1).map_values_with_key(with_key), 2)
            }
            "map" => {
                let both = |key: K, value: Text| {
                    (K::of(first_of(&value)), Some(format!("{} {}", show(key.text()), show(value.as_ref()))))
                };
                (of(1).map(both), 2)
            }
            "flat_map" => {
                let turned = of(1).flat_map(|key: &K, value: &Text, out: &mut Output<_>| {
                    out.extend(words(value).map(|word| (K::of(Some(word)), key.text().cloned())));
                });
                (turned, 2)
            }
            "flat_map_values" => (of(1).flat_map_values(|value, out| out.extend(words(value).map(Some))), 2),
            "select_key" => (of(1).select_key(|_, value| K::of(first_of(value))), 2),
            "peek" => (of(1).peek(|_, _| {}), 2),
            "merge" => (of(1).merge(of(2)), 3),
            "tally" => {
                let store = line.word(2).to_owned();
                let open = move |stores: &mut Stores<'_>| {
                    Tally(stores.open(KeyValueStore::from(store.clone()).in_memory()))
                };
                (of(1).process(open), 3)
            }
            "stamp" => (of(1).process(|_| Stamp::default()), 2),
            "ticks" => (of(1).process(|_| Ticks), 2),
            "shout" => (of(1).process_values(|_| Shout), 2),
            _ => return false,
        };
        self.streams.push(named(stream, line.name(name)));
        true
    }

    fn branches(&mut self, line: &Line<'_>) -> bool {
        match line.word(0) {
            "split" => {}
            "repartition" => {
                let mut how = line.name(2).map_or(Repartitioned::generated(), |name| name.to_owned().into());
                if line.name(3).is_some() {
                    how = how.partitions(line.number(3) as u32);
                }
                if line.word(4) == "drop" {
                    how = how.partitioned_by(dropping::<K>);
                }
                self.streams.push(self.streams[line.number(1)].repartition(how));
                return true;
            }
            _ => return false,
        }
        let split = self.streams[line.number(1)].split();
        let split = match line.name(2) {
            Some(name) => split.named(name),
            None => split,
        };
        let mut rest = None;
        for way in line.word(3).split(',') {
            let (way, name) = match way.split_once('=') {
                Some((way, name)) => (way, Some(name)),
                None => (way, None),
            };
            let branch = match way {
                "even" => split.branch(|_, value| is_even(value)),
                "long" => split.branch(|_, value| value.as_ref().is_some_and(|text| text.len() > 4)),
                "k1" => split.branch(|key, _| key.text().is_some_and(|key| key == "k1")),
                "rest" => {
                    rest = Some(name);
                    continue;
                }
                other => panic!("{other}"),
            };
            self.streams.push(named(branch, name));
        }
        if let Some(name) = rest {
            self.streams.push(named(split.rest(), name));
        }
        true
    }

    fn join(&mut self, line: &Line<'_>) -> bool {
        if !line.word(0).ends_with("join") {
            return false;
        }
        let stream = &self.streams[line.number(1)];
        let table = || &self.tables[line.number(2)];
        let global = || &self.globals[line.number(2)];
        let joined = match line.word(0) {
            "join" => stream.join_table(table(), |text: String, found| Some(format!("{text},{found}"))),
            "left_join" => stream.left_join_table_with_key(table(), |key, text: String, found| {
                Some(format!("{}:{text},{}", show(key.text()), show(found)))
            }),
            "g_join" => stream.join_global(
                global(),
                |_, text: &String| first(text),
                |text, found| Some(format!("{text},{found}")),
            ),
            _ => stream.left_join_global_with_key(
                global(),
                |_, text: &String| first(text),
                |key, text, found| Some(format!("{}:{text},{}", show(key.text()), show(found))),
            ),
        };
        self.streams.push(named(joined, line.name(3)));
        true
    }

    fn sink(&self, line: &Line<'_>) -> bool {
        let stream = || &self.streams[line.number(1)];
        let sink = match line.word(0) {
            "to" => stream().to(topic(line.word(2))),
            "to_dynamic" => {
                let prefix = line.word(2).to_owned();
                stream().to_dynamic(move |record| {
                    let length =
                        record.value.as_ref().map(|text| if text.len() > 2 { "long" } else { "short" });
                    format!("{prefix}{}", length.unwrap_or("null"))
                })
            }
            "print" => {
                let printed = Printed::to(std::io::sink());
                stream().print(match line.name(2) {
                    Some(name) => printed.named(name.to_owned()),
                    None => printed,
                });
                return true;
            }
            "for_each" => {
                stream().for_each(|_, _| {});
                return true;
            }
            _ => return false,
        };
        let sink = if line.word(4) == "drop" { sink.partitioned_by(dropping::<K>) } else { sink };
        named_sink(sink, line.name(3));
        true
    }

    fn table(&mut self, line: &Line<'_>) -> bool {
        let stream = || &self.streams[line.number(1)];
        let by_key = || named_group(stream().group_by_key(), line.name(3));
        let table = match line.word(0) {
            "count" => shown(&by_key().count(line.store(2))),
            "count_by" => {
                let by_value = stream().group_by(|_, value| value.clone());
                shown(&named_group(by_value, line.name(3)).count(line.store(2)))
            }
            "reduce" => by_key().reduce(line.store(2), |a: String, b| a.max(b)),
            "aggregate" => by_key().aggregate(
                line.store(2),
                || Some(String::new()),
                |_, text: String, sofar| {
                    *sofar =
                        sofar.take().filter(|sofar| sofar.len() <= 12).map(|sofar| sofar + &first(&text));
                },
            ),
            "to_table" => {
                let table = match line.given_store(2) {
                    Some(store) => stream().to_table_in(store),
                    None => stream().to_table(),
                };
                named_table(table, line.name(3))
            }
            _ => return false,
        };
        self.tables.push(table);
        true
    }

    fn table_of_table(&mut self, line: &Line<'_>) -> bool {
        let of = |index| &self.tables[line.number(index)];
        let grouped = || regrouped(of(1), line.name(4));
        let table = match line.word(0) {
            "t_filter" => match line.given_store(2) {
                Some(store) => of(1).filter_in(store, even),
                None => of(1).filter(even),
            },
            "t_filter_not" => match line.given_store(2) {
                Some(store) => of(1).filter_not_in(store, even),
                None => of(1).filter_not(even),
            },
            "t_map_values" => match line.given_store(2) {
                Some(store) => of(1).map_values_with_key_in(store, |key, text| text + key),
                None => of(1).map_values_with_key(|key, text| text + key),
            },
            "t_reduce" => grouped().reduce(line.store(2), |a, b| a + &b, without),
            "t_aggregate" => {
                grouped().aggregate(line.store(2), || Some(String::new()), appended('+'), appended('-'))
            }
            "t_count" => {
                let counts = named_table(grouped().count(line.store(2)), line.name(3));
                self.tables.push(shown(&counts));
                return true;
            }
            "t_two" => {
                let grouped = grouped();
                let counts = shown(&grouped.count(line.store(2)));
                let reduced = grouped.reduce(line.store(3), |a, b| a + &b, without);
                self.tables.extend([counts, reduced]);
                return true;
            }
            _ => return false,
        };
        self.tables.push(named_table(table, line.name(3)));
        true
    }

    fn stream_of_table(&mut self, line: &Line<'_>) -> bool {
        let table = || &self.tables[line.number(1)];
        match line.word(0) {
            "t_to" => drop(table().to(topic(line.word(2)))),
            "to_stream" => self.streams.push(K::of_table(named(table().to_stream(), line.name(2)))),
            "to_stream_by" => {
                let by_first =
                    table().to_stream().select_key(|key, value| first_of(value).unwrap_or(key.clone()));
                self.streams.push(K::of_table(by_first));
            }
            _ => return false,
        }
        true
    }

    fn window(&mut self, line: &Line<'_>) -> bool {
        let stream = || &self.streams[line.number(1)];
        match line.word(0) {
            "group" => {
                let grouped = named_group(stream().group_by_key(), line.name(2));
                self.groups.push(Grouped::ByKey(grouped));
            }
            "group_by" => {
                let grouped = stream().group_by(|_, value| first_of(value));
                self.groups.push(Grouped::By(named_group(grouped, line.name(2))));
            }
            "w_count" | "w_reduce" | "w_aggregate" => {
                let windows = match &self.groups[line.number(1)] {
                    Grouped::ByKey(grouped) => aggregated(grouped, line),
                    Grouped::By(grouped) => aggregated(grouped, line),
                };
                self.windows.push(windows);
            }
            "windows_to" => {
                let keys = TimeWindowedSerde::new(Native, ms(line.word(3)));
                drop(self.windows[line.number(1)].to(Topic::with(line.word(2).to_owned(), keys, Native)));
            }
            "unwindow" => {
                let plain = |Windowed { key, window }: Windowed<String>, text| {
                    (K::of(Some(format!("{key}@{}-{}", window.start, window.end))), Some(text))
                };
                self.streams.push(self.windows[line.number(1)].map(plain));
            }
            _ => return false,
        }
        true
    }
}

/// The updates of a windowed aggregate, as texts.
fn aggregated<K: Key>(grouped: &KGroupedStream<K, Text>, line: &Line<'_>) -> Windows {
    fn shown<V: Data + ToString>(table: KTable<Windowed<String>, V>, name: Option<&str>) -> Windows {
        let updates = named_table(table, name).to_stream();
        updates.map_values(|value| value.map_or("gone".into(), |value| value.to_string()))
    }
    let parts: Vec<&str> = line.word(2).split(',').collect();
    let windows = TimeWindows::of(ms(parts[0])).grace(ms(parts[1])).advance_by(ms(parts[2]));
    let emit = if parts.len() > 3 { Emit::OnClose } else { Emit::OnUpdate };
    let windowed = grouped.windowed_by(windows).emit(emit);
    match line.word(0) {
        "w_count" => shown(windowed.count(line.window_store(3)), line.name(4)),
        "w_reduce" => {
            let larger = |a: Text, b: Text| b.and_then(|b| a.map(|a| a.max(b)));
            shown(windowed.reduce(line.window_store(3), larger), line.name(4))
        }
        _ => {
            let fold = |_: &String, value: Text, sofar: &mut Text| {
                let letter = first_of(&value).unwrap_or("-".into());
                *sofar = sofar.take().filter(|sofar| sofar.len() <= 4).map(|sofar| sofar + &letter);
            };
            shown(windowed.aggregate(line.window_store(3), || Some(String::new()), fold), line.name(4))
        }
    }
}
