//! The programs of `tests/oracle/Programs.java`, in our words.

use millstream::prelude::*;

use crate::processors::{LENGTHS, Lengths, Look, Shout, Stamp, Tally, Ticks, Where};

type Strings = Topic<String, String>;
type Nullable = Topic<Option<String>, Option<String>>;
type Longs = Topic<String, i64>;

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)
}

fn strings(builder: &StreamsBuilder, topic: &'static str) -> KStream<String, String> {
    builder.stream(Strings::new(topic))
}

fn split(builder: &StreamsBuilder) -> KStream<String, String> {
    strings(builder, "lines").flat_map_values(|line, out| words(line).for_each(|word| out.push(word)))
}

fn by_length(record: &Record<String, String>) -> &'static str {
    if record.value.len() > 2 { "long" } else { "short" }
}

/// A program and its name.
type Program = (&'static str, fn(&StreamsBuilder));

const PROGRAMS: &[Program] = &[
    ("word_count", |b| {
        split(b).group_by(|_, word| word.clone()).count("word-counts").to(Longs::new("counts"));
    }),
    ("word_count_generated", |b| {
        split(b).group_by(|_, word| word.clone()).count(KeyValueStore::generated()).to(Longs::new("counts"));
    }),
    ("word_count_named", |b| {
        let words = split(b).named("split").group_by(|_, word| word.clone()).named("by-word");
        let updates = words.count("word-counts").named("tally").to_stream().named("updates");
        updates.to(Topic::<String, Option<i64>>::new("counts")).named("out");
    }),
    ("copy", |b| {
        strings(b, "a").to(Strings::new("b"));
    }),
    ("filter", |b| {
        strings(b, "a").filter(|_, text| text.len() > 2).to(Strings::new("b"));
    }),
    ("filter_not", |b| {
        strings(b, "a").filter_not(|_, text| text.len() > 2).to(Strings::new("b"));
    }),
    ("map_values", |b| {
        strings(b, "a").map_values(|text| text + "!").to(Strings::new("b"));
    }),
    ("map", |b| {
        strings(b, "a").map(|key, value| (value, key)).to(Strings::new("b"));
    }),
    ("flat_map", |b| {
        let turned = strings(b, "a")
            .flat_map(|key, text, out| words(text).for_each(|word| out.push((word, key.clone()))));
        turned.to(Strings::new("b"));
    }),
    ("select_key_peek_foreach", |b| {
        let stream = strings(b, "a").select_key(|_, text| text.clone()).peek(|_, _| {});
        stream.for_each(|_, _| {});
        stream.to(Strings::new("b"));
    }),
    ("merge", |b| {
        strings(b, "a").merge(&strings(b, "b")).to(Strings::new("c"));
    }),
    ("merge_branches", |b| {
        let stream = strings(b, "a");
        let long = stream.filter(|_, text| text.len() > 2);
        long.merge(&stream.map_values(|text| text + "?")).to(Strings::new("c"));
    }),
    ("split", |b| {
        let split = strings(b, "a").split();
        split.branch(|_, text| text.len() > 3).to(Strings::new("x"));
        split.branch(|_, text| text.len() > 1).map_values(|text| text + "!").to(Strings::new("y"));
        split.rest().to(Strings::new("z"));
    }),
    ("split_without_rest", |b| {
        let split = strings(b, "a").split();
        let long = split.branch(|_, text| text.len() > 3);
        let middling = split.branch(|_, text| text.len() > 1);
        long.merge(&middling).to(Strings::new("x"));
    }),
    ("split_named", |b| {
        let split = strings(b, "a").split().named("sizes-");
        let long = split.branch(|_, text| text.len() > 3).named("long");
        let middling = split.branch(|_, text| text.len() > 1);
        let short = split.rest().named("short");
        long.to(Strings::new("x"));
        middling.to(Strings::new("y"));
        short.to(Strings::new("z"));
    }),
    ("split_after_select_key", |b| {
        let split = strings(b, "a").select_key(|_, text| text.clone()).split();
        let long = split.branch(|_, text| text.len() > 3);
        let rest = split.rest();
        long.group_by_key().count("n").to(Longs::new("x"));
        rest.to(Strings::new("y"));
    }),
    ("split_in_two_ways", |b| {
        let stream = strings(b, "a");
        stream.split().branch(|_, text| text.len() > 3).to(Strings::new("x"));
        stream.split().rest().to(Strings::new("y"));
    }),
    ("print", |b| {
        let stream = strings(b, "a");
        stream.print(Printed::to(std::io::sink()));
        stream.map_values(|text| text + "!").print(Printed::to(std::io::sink()).named("shown").label("l"));
        stream.to(Strings::new("b"));
    }),
    ("repartition", |b| {
        strings(b, "a").repartition(Repartitioned::generated()).to(Strings::new("b"));
    }),
    ("repartition_nulls", |b| {
        b.stream(Nullable::new("a")).repartition(Repartitioned::generated()).to(Nullable::new("b"));
    }),
    ("repartition_named", |b| {
        let by_word = strings(b, "a").select_key(|_, text| text.clone());
        let by_word = by_word.repartition(Repartitioned::from("by-word").partitions(3));
        by_word.group_by_key().count("n").to(Longs::new("b"));
    }),
    ("repartition_twice", |b| {
        let by_word = strings(b, "a").select_key(|_, text| text.clone());
        let once = by_word.repartition(Repartitioned::generated());
        once.repartition(Repartitioned::generated()).group_by_key().count("n").to(Longs::new("b"));
        once.select_key(|key, _| key.clone()).group_by_key().count("m").to(Longs::new("c"));
    }),
    ("two_topics_in_one", |b| {
        b.stream([Strings::new("a"), Strings::new("b")]).to(Strings::new("c"));
    }),
    ("two_topics_twice", |b| {
        b.stream([Strings::new("b"), Strings::new("a")]).to(Strings::new("c"));
        let both = b.stream(vec![Strings::new("a"), Strings::new("b")]);
        both.map_values(|text| text + "!").to(Strings::new("d"));
    }),
    ("two_topics_counted", |b| {
        let both = b.stream([Strings::new("a"), Strings::new("b")]).named("both");
        both.group_by_key().count("n").to(Longs::new("c"));
    }),
    ("named_source_twice", |b| {
        strings(b, "a").named("first").to(Strings::new("c"));
        strings(b, "a").named("second").to(Strings::new("d"));
    }),
    ("processor", |b| {
        strings(b, "a").process(Tally::open).to(Strings::new("b"));
    }),
    ("processor_named_then_count", |b| {
        let own = strings(b, "a").process(Tally::open).named("own");
        own.group_by_key().count("n").to(Longs::new("b"));
    }),
    ("processor_values_then_count", |b| {
        strings(b, "a").process_values(|_| Shout).group_by_key().count("n").to(Longs::new("b"));
    }),
    ("processor_children", |b| {
        let tally = strings(b, "a").process(Tally::to_children);
        tally.map_values(|text| text).named("even").to(Strings::new("b"));
        tally.map_values(|text| text).named("odd").to(Strings::new("c"));
    }),
    ("processor_shared_store", |b| {
        strings(b, "a").process(Tally::open).to(Strings::new("c"));
        strings(b, "b").process(Tally::open).to(Strings::new("d"));
    }),
    ("processor_stream_time", |b| {
        strings(b, "a").process(|_| Ticks::new(PunctuationKind::StreamTime)).to(Strings::new("b"));
    }),
    ("processor_wall_clock", |b| {
        strings(b, "a").process(|_| Ticks::new(PunctuationKind::WallClock)).to(Strings::new("b"));
    }),
    ("processor_metadata", |b| {
        b.stream([Strings::new("a"), Strings::new("b")]).process(|_| Where).to(Strings::new("c"));
    }),
    ("global_store", |b| {
        b.add_global_store(Strings::new("g"), LENGTHS, Lengths);
        strings(b, "a").process(Look::open).to(Strings::new("b"));
    }),
    ("global_store_after", |b| {
        strings(b, "a").map_values(|text| text + "!").to(Strings::new("b"));
        b.add_global_store(Strings::new("g"), LENGTHS, Lengths);
        strings(b, "c").map_values(|text| text).process(Look::open).to(Strings::new("d"));
    }),
    ("nodes", |b| {
        let nodes = TopologyBuilder::on(b);
        let source = nodes.add_source("in", Strings::new("a"));
        let more = nodes.add_source("more", [Strings::new("b"), Strings::new("c")]);
        let tally = nodes.add_processor("tally", Tally::open, [&source, &more]);
        let places = nodes.add_processor("where", |_| Where, [&tally, &source]);
        nodes.add_sink("out", Strings::new("x"), [&tally, &places]);
        nodes.add_sink("all", Strings::new("y"), [&more]);
    }),
    ("nodes_shared_store", |b| {
        let nodes = TopologyBuilder::on(b);
        let (left, right) =
            (nodes.add_source("left", Strings::new("a")), nodes.add_source("right", Strings::new("b")));
        let apart = nodes.add_source("apart", Strings::new("c"));
        let first = nodes.add_processor("first", Tally::open, [&left]);
        let second = nodes.add_processor("second", Tally::open, [&right]);
        nodes.add_sink("to-x", Strings::new("x"), [&first]);
        nodes.add_sink("to-y", Strings::new("y"), [&second]);
        nodes.add_sink("to-z", Strings::new("z"), [&apart]);
    }),
    ("nodes_global_store", |b| {
        let nodes = TopologyBuilder::on(b);
        let source = nodes.add_source("in", Strings::new("a"));
        nodes.add_global_store(("lengths-source", "fill"), Strings::new("g"), LENGTHS, Lengths);
        let look = nodes.add_processor("look", Look::open, [&source]);
        nodes.add_sink("out", Strings::new("b"), [&look]);
    }),
    ("nodes_read_only_store", |b| {
        let nodes = TopologyBuilder::on(b);
        nodes.add_read_only_store(("lengths-source", "fill"), Strings::new("g"), LENGTHS, Lengths);
        let source = nodes.add_source("in", Strings::new("a"));
        let look = nodes.add_processor("look", Look::open, [&source]);
        nodes.add_sink("out", Strings::new("b"), [&look]);
    }),
    ("nodes_on_operators", |b| {
        let loud = strings(b, "a").map_values(|text| text + "!").named("loud");
        loud.group_by_key().count("n").to(Longs::new("b"));
        let nodes = TopologyBuilder::on(b);
        let places = nodes.add_processor("where", |_| Where, [&loud]);
        nodes.add_sink("places", Strings::new("c"), [&places]);
    }),
    ("to_dynamic", |b| {
        strings(b, "a").to_dynamic(by_length);
    }),
    ("to_dynamic_named", |b| {
        strings(b, "a").select_key(|_, text| text.clone()).to_dynamic(by_length).named("by-length");
    }),
    ("processor_headers", |b| {
        let stamped = strings(b, "a").process(|_| Stamp::default());
        stamped.map_values(|text| text + "!").to(Strings::new("b"));
    }),
    ("timestamps_own", |b| {
        let own = Consumed::from(Strings::new("a")).timestamps_by(|record, partition_time| {
            match record.value.as_str() {
                "x" => None,
                "dd" => Some(partition_time),
                _ => Some(record.timestamp + 5),
            }
        });
        b.stream(own).process(|_| Where).to(Strings::new("b"));
    }),
    ("pattern", |b| {
        let matching = || Topics::<String, String>::matching("[ab]");
        b.stream(matching()).group_by_key().count("n").to(Longs::new("c"));
        b.stream(matching()).map_values(|text| text + "!").to(Strings::new("d"));
    }),
    ("group_by_key_count", |b| {
        b.stream(Nullable::new("a")).group_by_key().count("n").to(Longs::new("b"));
    }),
    ("group_by_key_after_map_values", |b| {
        let grouped = strings(b, "a").map_values(|text| text + "!").group_by_key();
        grouped.reduce("r", |sofar, text| sofar + &text).to(Strings::new("b"));
    }),
    ("group_by_key_after_select_key", |b| {
        let grouped = strings(b, "a").select_key(|_, text| text.clone()).group_by_key();
        grouped.reduce(KeyValueStore::generated(), |sofar, text| sofar + &text).to(Strings::new("b"));
    }),
    ("aggregate", |b| {
        let grouped = b.stream(Nullable::new("a")).group_by_key();
        grouped
            .aggregate("joined", String::new, |_, text, joined| joined.push_str(&text))
            .to(Strings::new("b"));
    }),
    ("aggregate_delete", |b| {
        let grouped = strings(b, "a").group_by_key();
        let joined = grouped.aggregate(
            "joined",
            || Some(String::new()),
            |_, text, joined| match joined.take() {
                Some(sofar) if text != "x" => *joined = Some(sofar + &text),
                _ => {}
            },
        );
        joined.to(Strings::new("b"));
    }),
    ("table", |b| {
        b.table(Strings::new("a")).to(Strings::new("b"));
    }),
    ("table_materialized", |b| {
        b.table_in(Strings::new("a"), "users").to(Strings::new("b"));
    }),
    ("two_aggregates", |b| {
        let grouped = strings(b, "a").group_by(|_, text| text.clone());
        grouped.count("n").to(Longs::new("b"));
        grouped.reduce("last", |_, text| text).to(Strings::new("c"));
    }),
    ("two_aggregates_named", |b| {
        let grouped = strings(b, "a").group_by(|_, text| text.clone()).named("g");
        grouped.count("n").to(Longs::new("b"));
        grouped.reduce("last", |_, text| text).to(Strings::new("c"));
    }),
    ("two_keyed_aggregates", |b| {
        let grouped = strings(b, "a").group_by_key();
        grouped.count("n").to(Longs::new("b"));
        grouped.reduce("last", |_, text| text).to(Strings::new("c"));
    }),
    ("same_topic_twice", |b| {
        strings(b, "a").to(Strings::new("b"));
        strings(b, "a").map_values(|text| text + "!").to(Strings::new("c"));
    }),
    ("two_inputs", |b| {
        strings(b, "a").to(Strings::new("c"));
        strings(b, "b").to(Strings::new("d"));
    }),
    ("chained_counts", |b| {
        let counts = strings(b, "a").group_by(|_, text| text.clone()).count("n").to_stream();
        let texts = counts.map_values(|count| count.unwrap_or_default().to_string());
        texts.select_key(|_, count| count.clone()).group_by_key().count("m").to(Longs::new("b"));
    }),
    ("named_all", |b| {
        let kept = strings(b, "a").named("in").filter(|_, _| true).named("keep");
        kept.map_values(|text| text).named("same").to(Strings::new("b")).named("out");
    }),
    ("count_then_merge", |b| {
        let stream = strings(b, "a");
        let counts = stream.group_by_key().count("n").to_stream();
        counts.map_values(|count| count.unwrap_or_default().to_string()).merge(&stream).to(Strings::new("b"));
    }),
    ("table_and_stream_of_one_topic", |b| {
        b.table_in(Strings::new("a"), "users").to(Strings::new("b"));
        b.stream(Nullable::new("c")).to(Nullable::new("d"));
    }),
    ("table_generated_forEach", |b| {
        b.table(Strings::new("a")).to_stream().for_each(|_, _| {});
    }),
    ("merge_then_group", |b| {
        let first = strings(b, "a");
        let merged = first.merge(&strings(b, "b").select_key(|_, text| text.clone()));
        merged.group_by_key().count("n").to(Longs::new("c"));
    }),
    ("to_topic_and_on", |b| {
        let stream = strings(b, "a").filter(|_, _| true);
        stream.to(Strings::new("b"));
        stream.map_values(|text| text).to(Strings::new("c"));
        let _seen = stream.peek(|_, _| {});
    }),
    ("fan_of_three", |b| {
        let stream = strings(b, "a");
        stream.map_values(|text| text + "1").to(Strings::new("x"));
        stream.map_values(|text| text + "2").filter(|_, _| true).to(Strings::new("y"));
        stream.map_values(|text| text + "3").filter(|_, _| true).peek(|_, _| {}).to(Strings::new("z"));
    }),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

pub(super) fn draw(builder: &StreamsBuilder, name: &str) {
    let (_, draw) = PROGRAMS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
    draw(builder);
}
