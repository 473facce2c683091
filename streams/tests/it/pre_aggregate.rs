//! Combining before the shuffle: the same results as without, of fewer records.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::executor::block_on;
use millstream::metrics::Metrics;
use millstream::prelude::*;
use proptest::prelude::*;

use crate::cluster::{COUNTS, Cluster, LINES, counting, counts, wait_until};

/// The first topic has one partition, the second as many as the topic between the tasks shall have.
const IN: Topic<u8, Option<String>> = Topic::new("in");
const WIDE: Topic<u8, Option<String>> = Topic::new("wide");
const WIDTH: u32 = 3;

const TABLE: KeyValueStore<u8, String> = KeyValueStore::new("table");
const WINDOWS: WindowStore<u8, String> = WindowStore::new("table").retention(mins(1));
const SHUFFLED: Topic<u8, Option<String>> = Topic::new("table-repartition");
const PARTIALS: Topic<u8, Option<String>> = Topic::new("table-partial-repartition");

/// Late records, or partials of them.
const LATE: Topic<u8, Option<String>> = Topic::new("late");

/// A key, a letter or none, a time; `None` commits.
type Step = Option<(u8, Option<char>, i64)>;

/// What can be seen of a table: per key (and start of the window) the value and the time under which it was last told of.
type Seen = BTreeMap<(u8, i64), (Option<String>, i64)>;

/// What was late, per key and the windows that it belongs to: all letters, and the latest time.
type Late = BTreeMap<(u8, Vec<i64>), (String, i64)>;

/// What can be seen of a run.
#[derive(Debug)]
struct Outcome {
    seen: Seen,
    shuffled: usize,
    /// Records or partials, once a window.
    dropped: u64,
    late: Late,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let letter = prop_oneof![9 => proptest::char::range('a', 'z').prop_map(Some), 1 => Just(None)];
    let record = (0_u8..5, letter, 0_i64..200).prop_map(Some);
    proptest::collection::vec(prop_oneof![8 => record, 1 => Just(None)], 0..80)
}

fn append(text: &mut String, letter: Option<String>) {
    text.push_str(letter.as_deref().unwrap_or("-"));
}

/// Values that show every record and the order in which they came.
fn grouped(builder: &StreamsBuilder) -> KGroupedStream<u8, Option<String>> {
    builder.stream([IN, WIDE]).group_by(|key, _| key % 5)
}

fn by_key(builder: &StreamsBuilder, combine: Option<usize>) {
    let grouped = grouped(builder);
    let table = match combine {
        None => grouped.aggregate(TABLE, String::new, |_, letter, text| append(text, Some(letter))),
        Some(max_bytes) => grouped.pre_aggregate().max_bytes(max_bytes).aggregate(
            TABLE,
            String::new,
            |_, letter, text| append(text, Some(letter)),
            |_, more, text| text.push_str(&more),
        ),
    };
    table.to_stream().to(Topic::new("out"));
}

fn by_window(builder: &StreamsBuilder, windows: TimeWindows, emit: Emit, combine: Option<usize>) {
    let grouped = grouped(builder);
    let sorted = (0..200).any(|time| windows.of_time(time).count() > 1);
    // Windows that overlap get their records in another order.
    let sort = move |text: &mut String| {
        if sorted {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            *text = letters.into_iter().collect();
        }
    };
    let fold = move |_: &u8, letter: Option<String>, text: &mut String| {
        append(text, letter);
        sort(text);
    };
    let merge = move |_: &u8, more: String, text: &mut String| {
        text.push_str(&more);
        sort(text);
    };
    let table = match combine {
        None => {
            let plain = grouped.windowed_by(windows).emit(emit).late(|late| drop(late.to(LATE)));
            plain.aggregate(WINDOWS, String::new, fold)
        }
        Some(max_bytes) => {
            let combined = grouped.pre_aggregate().max_bytes(max_bytes).windowed_by(windows).emit(emit);
            let combined = combined.late(|late| drop(late.to(Topic::new("late"))));
            combined.aggregate(WINDOWS, String::new, fold, merge)
        }
    };
    table.to_stream().to(Topic::windowed("out", windows.size()));
}

/// Runs the steps, a task in front of the shuffle and `WIDTH` behind it.
fn run(steps: &[Step], windows: Option<TimeWindows>, draw: impl Fn(&StreamsBuilder)) -> Outcome {
    let mut driver = driver(draw);
    for step in steps {
        match step {
            Some((key, letter, time)) => {
                let mut input = driver.input(IN).partition(0).at(*time);
                input.send(*key, letter.map(String::from)).unwrap();
            }
            None => driver.commit().unwrap(),
        }
    }
    driver.commit().unwrap();
    let (mut seen, mut late) = (Seen::new(), Late::new());
    match windows {
        None => {
            for record in driver.output(Topic::<u8, Option<String>>::new("out")).drain() {
                seen.insert((record.key, 0), (record.value, record.timestamp));
            }
        }
        Some(windows) => {
            let out: Topic<Windowed<u8>, Option<String>> = Topic::windowed("out", windows.size());
            for record in driver.output(out).drain() {
                seen.insert((record.key.key, record.key.window.start), (record.value, record.timestamp));
            }
            late = drain_late(&mut driver, windows);
        }
    }
    let shuffled = driver.output(SHUFFLED).drain().len() + driver.output(PARTIALS).drain().len();
    Outcome { seen, shuffled, dropped: driver.dropped_records(), late }
}

fn driver(draw: impl Fn(&StreamsBuilder)) -> TestDriver {
    let builder = StreamsBuilder::new();
    draw(&builder);
    let topology = builder.build().unwrap();
    let driver = TestDriver::builder(&topology).partitions_of("in", 1).partitions_of("wide", WIDTH);
    driver.commits_by_hand().build().unwrap()
}

fn drain_late(driver: &mut TestDriver, windows: TimeWindows) -> Late {
    let mut late = Late::new();
    for record in driver.output(LATE).drain() {
        let starts = windows.of_time(record.timestamp).map(|window| window.start).collect();
        let (letters, latest) = late.entry((record.key, starts)).or_insert((String::new(), -1));
        append(letters, record.value);
        *latest = record.timestamp.max(*latest);
    }
    // Windows that overlap get them in another order.
    for (letters, _) in late.values_mut() {
        *letters = sorted(letters);
    }
    late
}

fn sorted(letters: &str) -> String {
    let mut letters: Vec<char> = letters.chars().collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// A bound that is never reached, and one that is with nearly every record.
const BOUNDS: [usize; 2] = [1 << 20, 300];

fn emits() -> impl Strategy<Value = Emit> {
    prop_oneof![Just(Emit::OnUpdate), Just(Emit::OnClose)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn tables_are_the_same(steps in steps()) {
        let plain = run(&steps, None, |builder| by_key(builder, None));
        for bound in BOUNDS {
            let combined = run(&steps, None, |builder| by_key(builder, Some(bound)));
            prop_assert_eq!(&combined.seen, &plain.seen);
            prop_assert!(combined.shuffled <= plain.shuffled, "{combined:?} instead of {plain:?}");
            prop_assert_eq!(combined.dropped, plain.dropped);
        }
    }

    #[test]
    fn windows_are_the_same_and_what_is_late_is_late(
        (size, advance, grace) in (1_u64..60, 1_u64..60, 0_u64..60),
        emit in emits(),
        steps in steps(),
    ) {
        let windows = TimeWindows::of(millis(size)).advance_by(millis(advance.min(size))).grace(millis(grace));
        let plain = run(&steps, Some(windows), |builder| by_window(builder, windows, emit, None));
        for bound in BOUNDS {
            let combined = run(&steps, Some(windows), |builder| by_window(builder, windows, emit, Some(bound)));
            prop_assert_eq!(&combined.seen, &plain.seen);
            prop_assert_eq!(&combined.late, &plain.late);
            prop_assert!(combined.shuffled <= plain.shuffled && combined.dropped <= plain.dropped);
            prop_assert_eq!(combined.dropped == 0, plain.dropped == 0);
        }
    }

    /// Several tasks feed each partition here, and windows close on the wall clock too: which records are late depends on when a
    /// task commits. They are in a window or late, each once.
    #[test]
    fn what_is_in_no_window_is_late_whoever_commits_when(
        (size, grace) in (1_u64..60, 0_u64..60),
        on_silence in any::<bool>(),
        steps in proptest::collection::vec((0..WIDTH as i32, steps()), 0..6),
    ) {
        let windows = TimeWindows::of(millis(size)).grace(millis(grace));
        let emit = if on_silence { Emit::OnCloseOrSilence(millis(20)) } else { Emit::OnUpdate };
        for bound in BOUNDS {
            let mut driver = driver(|builder| by_window(builder, windows, emit, Some(bound)));
            let mut expected = BTreeMap::<u8, String>::new();
            for (partition, steps) in &steps {
                for step in steps {
                    let Some((key, letter, time)) = step else {
                        driver.commit().unwrap();
                        driver.advance_wall_clock(millis(30)).unwrap();
                        continue;
                    };
                    let letter = letter.map(String::from);
                    append(expected.entry(key % 5).or_default(), letter.clone());
                    driver.input(WIDE).partition(*partition).at(*time).send(*key, letter).unwrap();
                }
            }
            driver.commit().unwrap();
            let mut told = BTreeMap::<u8, String>::new();
            let table = driver.store(WINDOWS).unwrap();
            for key in expected.keys() {
                let kept = table.fetch(*key, ..).unwrap();
                kept.into_iter().for_each(|(_, letters)| told.entry(*key).or_default().push_str(&letters));
            }
            for ((key, _), (letters, _)) in drain_late(&mut driver, windows) {
                told.entry(key).or_default().push_str(&letters);
            }
            expected.values_mut().chain(told.values_mut()).for_each(|letters| *letters = sorted(letters));
            prop_assert_eq!(told, expected);
        }
    }
}

#[test]
fn a_grouping_that_is_not_shuffled_is_left_as_it_is() {
    let describe = |combine: bool| {
        let builder = StreamsBuilder::new();
        let grouped = builder.stream(Topic::<String, String>::new("in")).group_by_key();
        let _counts = if combine { grouped.pre_aggregate().count("counts") } else { grouped.count("counts") };
        builder.build().unwrap().describe().to_string()
    };
    assert_eq!(describe(true), describe(false));
}

#[test]
fn what_is_late_is_of_one_type_where_nothing_is_shuffled_too() {
    const TEXTS: Topic<String, String> = Topic::new("texts");
    const LATE_LETTERS: Topic<String, i64> = Topic::new("late-letters");
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(TEXTS).group_by_key().pre_aggregate().windowed_by(TimeWindows::of(secs(1)));
    let letters = |_: &String, text: String, letters: &mut i64| *letters += text.len() as i64;
    let merge = |_: &String, more: i64, letters: &mut i64| *letters += more;
    let grouped = grouped.late(|late| drop(late.to(LATE_LETTERS)));
    let _table = grouped.aggregate("letters", || 0, letters, merge);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for (time, text) in [(1_000, "ab"), (2_000, "cd"), (1_999, "efg"), (500, "h")] {
        driver.input(TEXTS).at(time).send("a", text).unwrap();
    }
    let late = driver.output(LATE_LETTERS).drain();
    assert_eq!(late, [record("a", 3).at(1_999), record("a", 1).at(500)]);
}

#[test]
fn the_drawing_shows_where_records_are_combined_and_other_names_stay() {
    let builder = StreamsBuilder::new();
    let words = builder.stream(LINES).group_by(|_, word| word.clone());
    let _counts = words.pre_aggregate().count(COUNTS);
    let text = builder.build().unwrap().describe().to_string();
    assert_eq!(
        text,
        "\
Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
      --> KSTREAM-KEY-SELECT-0000000001
    Processor: KSTREAM-KEY-SELECT-0000000001 (stores: [])
      --> counts-pre-aggregate
      <-- KSTREAM-SOURCE-0000000000
    Processor: counts-pre-aggregate (stores: [])
      --> counts-partial-repartition-filter
      <-- KSTREAM-KEY-SELECT-0000000001
    Processor: counts-partial-repartition-filter (stores: [])
      --> counts-partial-repartition-sink
      <-- counts-pre-aggregate
    Sink: counts-partial-repartition-sink (topic: counts-partial-repartition)
      <-- counts-partial-repartition-filter

  Sub-topology: 1
    Source: counts-partial-repartition-source (topics: [counts-partial-repartition])
      --> KSTREAM-AGGREGATE-0000000002
    Processor: KSTREAM-AGGREGATE-0000000002 (stores: [counts])
      --> none
      <-- counts-partial-repartition-source

"
    );
}

#[test]
fn what_is_held_is_bounded_however_it_grows() {
    const BOUND: usize = 10_000;
    let builder = StreamsBuilder::new();
    by_key(&builder, Some(BOUND));
    let mut driver = TestDriver::builder(&builder.build().unwrap()).commits_by_hand().build().unwrap();
    for _ in 0..1_000 {
        driver.input(IN).send(1_u8, "x".repeat(100)).unwrap();
    }
    let sent = driver.output(PARTIALS).drain();
    // Sizes are looked at when the number of records doubles.
    let longest = sent.iter().filter_map(|record| record.value.as_ref()).map(String::len).max().unwrap();
    assert!(longest <= 2 * BOUND && longest > BOUND / 4, "{longest}");
    assert!(sent.len() >= 100 * 1_000 / (2 * BOUND) && sent.len() < 100, "{}", sent.len());
}

#[test]
fn a_window_that_closes_when_nothing_comes_any_more_has_what_was_held() {
    let windows = TimeWindows::of(secs(1));
    let builder = StreamsBuilder::new();
    by_window(&builder, windows, Emit::OnCloseOrSilence(secs(5)), Some(BOUNDS[0]));
    let mut driver = TestDriver::builder(&builder.build().unwrap()).commits_by_hand().build().unwrap();
    for letter in ["a", "b"] {
        driver.input(IN).at(500).send(1_u8, letter.to_owned()).unwrap();
    }
    // The application commits no sooner.
    for _ in 0..100 {
        driver.advance_wall_clock(millis(100)).unwrap();
    }
    let out: Topic<Windowed<u8>, String> = Topic::windowed("out", windows.size());
    assert_eq!(driver.output(out).drain(), [record(windowed(1_u8, 0..1_000), "ab").at(500)]);
}

#[test]
fn a_fold_that_fails_leaves_what_was_held() {
    let builder = StreamsBuilder::new();
    let fold = |_: &u8, text: String, letters: &mut i64| {
        *letters += 100;
        assert!(!text.is_empty(), "no letters");
        *letters += text.len() as i64 - 100;
    };
    let merge = |_: &u8, more: i64, letters: &mut i64| *letters += more;
    let lengths: KeyValueStore<u8, i64> = KeyValueStore::new("lengths");
    let _lengths = grouped(&builder).pre_aggregate().aggregate(lengths.clone(), || 0, fold, merge);
    let topology = builder.build().unwrap();
    let driver = TestDriver::builder(&topology).commits_by_hand().on_error(|_| Action::Skip);
    let mut driver = driver.build().unwrap();
    for text in ["one", "", "three"] {
        driver.input(IN).send(1_u8, text.to_owned()).unwrap();
    }
    driver.commit().unwrap();
    assert_eq!(driver.store(lengths).unwrap().get(1_u8).unwrap(), Some(8));
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn a_hot_key_is_shuffled_once_a_commit() {
    const RECORDS: usize = 20_000;
    let cluster = Cluster::start(2);
    let lines: Vec<String> = (0..RECORDS).map(|n| format!("hot hot hot word-{}", n % 100)).collect();
    cluster.send(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let combining = || {
        let builder = StreamsBuilder::new();
        let words = builder
            .stream(LINES)
            .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
            .group_by(|_, word| word.clone());
        let _counts = words.pre_aggregate().count(COUNTS);
        builder.build().unwrap()
    };
    let run = |topology: Topology, id: &str, sink: &str| {
        let state = tempfile::tempdir().unwrap();
        let app = cluster.app(topology, state.path()).application_id(id);
        let app = app.commit_interval(Duration::from_secs(1)).start_blocking().unwrap();
        wait_until("counting", || counts(&[&app]).get("hot") == Some(&(3 * RECORDS as i64)));
        wait_until("counting the rest", || counts(&[&app]).values().sum::<i64>() == 4 * RECORDS as i64);
        // Metrics are a little behind.
        let counted = |metrics: &Metrics| {
            let of_sink = metrics.tasks().filter_map(|task| task.node(sink)).sum::<u64>();
            let read = metrics.tasks().filter(|task| task.task.subtopology == 1).map(|task| task.records);
            let lines =
                metrics.tasks().filter_map(|task| task.node("KSTREAM-SOURCE-0000000000")).sum::<u64>();
            (lines, of_sink, read.sum::<u64>())
        };
        wait_until("the metrics", || {
            let (lines, sent, read) = counted(&app.metrics());
            lines == RECORDS as u64 && sent == read
        });
        let (shuffled, words) = (counted(&app.metrics()).2, counts(&[&app]));
        block_on(app.close()).unwrap();
        (words, shuffled)
    };
    let (plain, all) = run(counting(), "plain", "counts-repartition-sink");
    let (combined, fewer) = run(combining(), "combining", "counts-partial-repartition-sink");
    assert_eq!(combined, plain);
    assert_eq!(all, 4 * RECORDS as u64);
    assert!(fewer < all / 10, "{fewer} records of {all}");
}
