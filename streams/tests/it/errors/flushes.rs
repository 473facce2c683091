//! Failures far from their records: below a cache that is written out.

use millstream::errors;
use millstream::prelude::*;

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, i64> = Topic::new("out");
const DEAD: Topic<String, String> = Topic::new("dead");

/// Counts words; the count of "b" is not wanted below.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream(IN).flat_map(|_, line, out| {
        line.split(' ').for_each(|word| out.push((word.to_owned(), word.to_owned())));
    });
    let last = words.repartition("words").group_by_key().reduce("last", |_, word| word);
    let checked = last.to_stream().map(|word, _| {
        assert_ne!(word, "b", "not this one");
        (word, 1)
    });
    checked.named("check").to(OUT);
    builder.build().unwrap()
}

#[test]
fn the_entries_behind_one_that_fails_are_told_of() {
    let topology = topology();
    let driver = TestDriver::builder(&topology).on_error(|_| Action::DeadLetter).dead_letters("dead");
    let mut driver = driver.build().unwrap();
    driver.input(IN).at(7).header("h", b"1").send("k", "a b c").unwrap();
    let told: Vec<String> = driver.output(OUT).drain().into_iter().map(|record| record.key).collect();
    assert_eq!(told, ["a", "c"]);

    let dead = driver.output(DEAD).next_record().unwrap();
    assert_eq!((&*dead.key, &*dead.value, dead.timestamp), ("b", "b", 7));
    let header = |name: &str| {
        let value = dead.headers.last(name).and_then(|header| header.value.clone());
        value.map(|value| String::from_utf8(value).unwrap())
    };
    assert_eq!(header("h").as_deref(), Some("1"));
    assert_eq!(header(errors::EXCEPTION).as_deref(), Some("millstream::Panic"));
    assert_eq!(header(errors::TOPIC).as_deref(), Some("words-repartition"));
    assert_eq!(
        (header(errors::PARTITION).as_deref(), header(errors::OFFSET).as_deref()),
        (Some("0"), Some("1"))
    );
    let trace = header(errors::STACKTRACE).unwrap();
    assert!(
        trace.starts_with("task 1_0, words-repartition-0 at offset 1, node check: a closure panicked"),
        "{trace}"
    );

    // What failed below is in the store, and is told of again when it changes.
    let last = driver.store(KeyValueStore::<String, String>::from("last")).unwrap();
    assert_eq!(last.all().unwrap().len(), 3);
    driver.input(IN).send("k", "b a").unwrap();
    assert_eq!(driver.output(OUT).drain().len(), 1);
    assert_eq!(driver.output(DEAD).drain().len(), 1);
}

#[test]
fn a_policy_knows_the_update_and_cannot_have_it_tried_again() {
    let (say, heard) = std::sync::mpsc::channel();
    let topology = topology();
    let driver = TestDriver::builder(&topology).on_error(move |failed| {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        say.send((failed.node().to_owned(), text(failed.key()), failed.offset(), failed.attempt())).unwrap();
        Action::Retry
    });
    let mut driver = driver.build().unwrap();
    let error = driver.input(IN).send("k", "b").unwrap_err().to_string();
    assert!(error.contains("flush, node check"), "{error}");
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [("check".to_owned(), "b".to_owned(), Some(0), 1)]);
}

/// Tells of windows when they close, of several at once; the one that starts at 10 is not wanted below.
fn windows() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(IN).group_by_key();
    let windows = grouped.windowed_by(TimeWindows::of(millis(10)).grace(millis(30))).emit(Emit::OnClose);
    let all = windows.aggregate("all", String::new, |_, word, all: &mut String| all.push_str(&word));
    let checked = all.to_stream().map(|key, _| {
        assert_ne!(key.window.start, 10, "not this one");
        (key.key, key.window.start)
    });
    checked.to(OUT).named("out");
    builder.build().unwrap()
}

#[test]
fn windows_that_close_behind_one_that_fails_are_told_of() {
    let mut driver = TestDriver::builder(&windows()).on_error(|_| Action::Skip).build().unwrap();
    for time in [0, 10, 20, 100] {
        driver.input(IN).at(time).send("k", "a").unwrap();
    }
    let starts: Vec<i64> = driver.output(OUT).drain().into_iter().map(|record| record.value).collect();
    assert_eq!(starts, [0, 20]);
    assert_eq!(driver.errors()[0].skipped, 1);
}

#[test]
fn windows_whose_telling_is_tried_again_are_told_of_again() {
    let decide = |failed: &Failed<'_>| if failed.attempt() < 2 { Action::Retry } else { Action::Skip };
    let mut driver = TestDriver::builder(&windows()).on_error(decide).build().unwrap();
    for time in [0, 10, 20, 100] {
        driver.input(IN).at(time).send("k", "a").unwrap();
    }
    let starts: Vec<i64> = driver.output(OUT).drain().into_iter().map(|record| record.value).collect();
    assert_eq!(starts, [0, 0, 20]);
    assert_eq!((driver.errors()[0].retries, driver.errors()[0].skipped), (1, 1));
}

/// A value that no changelog can hold.
#[test]
fn what_a_store_cannot_write_is_beyond_all_policies() {
    type Odd = Json<std::collections::HashMap<(i64, i64), i64>>;
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(IN).group_by_key();
    let odd = grouped.aggregate("odd", Odd::default, |_, _, odd: &mut Odd| {
        odd.0.insert((1, 2), 3);
    });
    odd.to_stream().for_each(|_, _| {});
    let topology = builder.build().unwrap();
    let mut driver = TestDriver::builder(&topology).on_error(|_| Action::Skip).build().unwrap();
    let error = driver.input(IN).send("k", "v").unwrap_err().to_string();
    assert!(error.contains("the value cannot be written to odd"), "{error}");
}
