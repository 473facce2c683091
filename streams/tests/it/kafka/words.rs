//! The words that programs are written in: names, stores, what the closures do.

use std::time::Duration;

use millstream::dsl::{Element, Sink};
use millstream::prelude::*;
use millstream::serde::Native;

pub(super) type Table = KTable<String, String>;
pub(super) type Text = Option<String>;

/// The keys of a program: texts, or texts that may be missing.
pub(super) trait Key: Data<Present = String> + std::fmt::Debug {
    fn of(text: Text) -> Self;
    fn text(&self) -> Option<&String>;

    /// The stream of a table; none where keys may be missing, since those of a table are not.
    fn of_table(stream: KStream<String, Text>) -> KStream<Self, Text>;
}

impl Key for String {
    fn of(text: Text) -> Self {
        text.unwrap_or("-".into())
    }

    fn text(&self) -> Option<&String> {
        Some(self)
    }

    fn of_table(stream: KStream<String, Text>) -> KStream<Self, Text> {
        stream
    }
}

impl Key for Text {
    fn of(text: Text) -> Self {
        text
    }

    fn text(&self) -> Option<&String> {
        self.as_ref()
    }

    fn of_table(_: KStream<String, Text>) -> KStream<Self, Text> {
        panic!("the keys of a table are not missing")
    }
}

/// The words of one line.
pub(super) struct Line<'a>(pub(super) Vec<&'a str>);

impl<'a> Line<'a> {
    pub(super) fn word(&self, index: usize) -> &'a str {
        self.0[index]
    }

    pub(super) fn number(&self, index: usize) -> usize {
        self.word(index).parse().unwrap()
    }

    pub(super) fn name(&self, index: usize) -> Option<&'a str> {
        (self.word(index) != "-").then(|| self.word(index))
    }

    /// `-` and `+` have no name, `name!` has no cache.
    pub(super) fn store<V: Data>(&self, index: usize) -> KeyValueStore<String, V> {
        match self.word(index) {
            "-" | "+" => KeyValueStore::generated(),
            name => match name.strip_suffix('!') {
                Some(name) => KeyValueStore::from(name.to_owned()).uncached(),
                None => name.to_owned().into(),
            },
        }
    }

    /// A store, unless none was given at all.
    pub(super) fn given_store(&self, index: usize) -> Option<KeyValueStore<String, String>> {
        self.name(index).map(|_| self.store(index))
    }

    /// Its name or "-", then "u" for uncached, "m" for in memory, "r" and a retention.
    pub(super) fn window_store<V: Data>(&self, index: usize) -> WindowStore<String, V> {
        let mut parts = self.word(index).split(',');
        let store = match parts.next().unwrap() {
            "-" => WindowStore::generated(),
            name => WindowStore::from(name.to_owned()),
        };
        parts.fold(store, |store, option| match option.split_at(1) {
            ("u", _) => store.uncached(),
            ("m", _) => store.in_memory(),
            ("r", retention) => store.retention(ms(retention)),
            _ => panic!("{option}"),
        })
    }
}

pub(super) fn ms(text: &str) -> Duration {
    millis(text.parse().unwrap())
}

pub(super) fn topic<K: Data, V: Data>(name: &str) -> Topic<K, V> {
    Topic::with(name.to_owned(), Native, Native)
}

pub(super) fn is_even(value: &Text) -> bool {
    value.as_ref().is_some_and(|text| text.len().is_multiple_of(2))
}

#[expect(clippy::ptr_arg, reason = "tables of texts are filtered by it as it is")]
pub(super) fn even(_: &String, text: &String) -> bool {
    text.len().is_multiple_of(2)
}

pub(super) fn first(text: &str) -> String {
    text.chars().take(1).collect()
}

pub(super) fn first_of(value: &Text) -> Text {
    value.as_deref().map(first)
}

pub(super) fn show(text: Option<&String>) -> &str {
    text.map_or("null", String::as_str)
}

pub(super) fn words(value: &Text) -> impl Iterator<Item = String> {
    value.iter().flat_map(|text| text.split(' ')).filter(|word| !word.is_empty()).map(str::to_owned)
}

pub(super) fn without(text: String, part: String) -> String {
    text.replacen(&part, "", 1)
}

/// Drops some; the others go to the only partition that there is.
pub(super) fn dropping<K>(_: &K, value: &Text, _: i32) -> Vec<i32> {
    let dropped = value.as_ref().is_some_and(|text| text.len().is_multiple_of(3));
    if dropped { vec![] } else { vec![0] }
}

/// `sofar` with a sign and a text behind it; what has grown long is gone.
pub(super) fn appended(sign: char) -> impl Fn(&String, String, &mut Text) + Send + Sync {
    move |_, text, sofar| {
        *sofar = sofar.take().filter(|sofar| sofar.len() <= 30).map(|sofar| format!("{sofar}{sign}{text}"));
    }
}

pub(super) fn named<K: Element, V: Element>(stream: KStream<K, V>, name: Option<&str>) -> KStream<K, V> {
    match name {
        Some(name) => stream.named(name),
        None => stream,
    }
}

pub(super) fn named_table<K: Element, V: Element>(table: KTable<K, V>, name: Option<&str>) -> KTable<K, V> {
    match name {
        Some(name) => table.named(name),
        None => table,
    }
}

pub(super) fn named_group<K: Data, V: Data>(
    group: KGroupedStream<K, V>,
    name: Option<&str>,
) -> KGroupedStream<K, V> {
    match name {
        Some(name) => group.named(name),
        None => group,
    }
}

pub(super) fn named_sink<K: Element, V: Element>(sink: Sink<K, V>, name: Option<&str>) {
    if let Some(name) = name {
        sink.named(name);
    }
}

pub(super) fn shown(counts: &KTable<String, i64>) -> Table {
    counts.map_values(|count| count.to_string())
}

/// By the first letter, `b` excepted; long values take no part.
pub(super) fn regrouped(table: &Table, name: Option<&str>) -> KGroupedTable<String, String> {
    let grouped = table.group_by(|key, text| {
        let group = Some(first(text)).filter(|group| group != "b");
        (group, (text.len() <= 6).then(|| format!("{key}{text}")))
    });
    match name {
        Some(name) => grouped.named(name),
        None => grouped,
    }
}
