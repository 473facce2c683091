//! Who decides, and that it is counted.

use millstream::errors::Stage;
use millstream::prelude::*;

const IN: Topic<String, i64> = Topic::new("in");
const TEXTS: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, i64> = Topic::new("out");
const DEAD: Topic<String, i64> = Topic::new("dead");

/// A driver under a policy, with a dead-letter topic.
fn driver(
    draw: impl FnOnce(&StreamsBuilder),
    policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static,
) -> TestDriver {
    let builder = StreamsBuilder::new();
    draw(&builder);
    let topology = builder.build().unwrap();
    TestDriver::builder(&topology).on_error(policy).dead_letters("dead").build().unwrap()
}

/// A driver without either.
fn plain(draw: impl FnOnce(&StreamsBuilder)) -> TestDriver {
    let builder = StreamsBuilder::new();
    draw(&builder);
    TestDriver::new(&builder.build().unwrap()).unwrap()
}

fn divided(builder: &StreamsBuilder) {
    builder.stream(IN).map_values(|n| 100 / n).named("divide").to(OUT);
}

#[test]
fn a_policy_tells_stages_apart() {
    let decide = |failed: &Failed<'_>| if failed.is_decode() { Action::Skip } else { Action::Fail };
    let mut driver = driver(divided, decide);
    driver.input(TEXTS).send("a", "no number").unwrap();
    driver.input(IN).send("b", 5).unwrap();
    let error = driver.input(IN).send("c", 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "task 0_0, in-0 at offset 2, node divide: a closure panicked: attempt to divide by zero"
    );
    assert_eq!(driver.output(OUT).drain(), [record("b", 20)]);
    let rows = driver.errors();
    let row = |stage| rows.iter().find(|row| row.stage == stage).unwrap();
    assert_eq!((row(Stage::Decode).skipped, row(Stage::Decode).failures), (1, 0));
    assert_eq!((row(Stage::Process).skipped, row(Stage::Process).failures), (0, 1));
    assert_eq!(
        (&*row(Stage::Process).node, row(Stage::Process).task.unwrap().to_string()),
        ("divide", "0_0".to_owned())
    );
}

#[test]
fn a_node_has_the_word_before_the_application() {
    let draw = |b: &StreamsBuilder| {
        let halves = b.stream(Consumed::from(IN).on_error(|_| Action::Skip)).map_values(|n| 100 / n);
        halves.on_error(|_| Action::DeadLetter).map_values(|n| 10 / (n - 1)).to(OUT);
    };
    let mut driver = driver(draw, |_| Action::Fail);
    driver.input(TEXTS).send("a", "no number").unwrap();
    driver.input(IN).send("b", 0).unwrap();
    assert_eq!(driver.output(DEAD).drain().len(), 1);
    driver.input(IN).send("c", 100).unwrap_err();
    assert_eq!(driver.dropped_records(), 2);
}

#[test]
fn a_node_has_its_word_where_the_application_has_none() {
    let mut driver =
        plain(|b| b.stream(IN).map_values(|n| 9 / n).on_error(|_| Action::Skip).to(OUT).named("o"));
    driver.input(IN).send("a", 0).unwrap();
    driver.input(TEXTS).send("a", "no number").unwrap_err();
}

#[test]
fn the_policy_of_a_topics_table_is_that_of_its_source_too() {
    let mut driver = plain(|b| b.table(IN).on_error(|_| Action::Skip).to(OUT).named("o"));
    driver.input(TEXTS).send("a", "no number").unwrap();
    driver.input(IN).send("a", 1).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", 1)]);
}

#[test]
fn a_sink_has_its_word() {
    type Odd = Json<std::collections::HashMap<(i64, i64), i64>>;
    let odd = |n| Json(std::collections::HashMap::from([((n, n), n)]));
    let mut driver = plain(|b| {
        let odd = b.stream(IN).map_values(odd);
        odd.to(Topic::<String, Odd>::new("out")).on_error(|failed| {
            assert!(failed.is_produce() && !failed.is_panic());
            Action::Skip
        });
    });
    driver.input(IN).send("a", 1).unwrap();
    assert_eq!(driver.errors()[0].stage, Stage::Produce);
    assert_eq!(driver.errors()[0].dropped(), 1);
}

#[test]
fn a_dead_letter_without_a_topic_stops_the_task_and_says_what_to_do() {
    let builder = StreamsBuilder::new();
    divided(&builder);
    let topology = builder.build().unwrap();
    let driver = TestDriver::builder(&topology).on_error(|failed| {
        assert!(!failed.has_dead_letters());
        Action::DeadLetter
    });
    let mut driver = driver.build().unwrap();
    let error = driver.input(IN).send("a", 0).unwrap_err().to_string();
    assert!(
        error.contains("divide by zero; it should go to the dead-letter topic, but none is named"),
        "{error}"
    );
    assert_eq!(driver.errors()[0].failures, 1);
}

#[test]
fn a_policy_that_panics_stops_the_task_and_both_failures_are_told() {
    let mut driver = driver(divided, |_| panic!("and now?"));
    let error = driver.input(IN).send("a", 0).unwrap_err().to_string();
    assert!(
        error.contains("divide by zero; then the error policy failed: a closure panicked: and now?"),
        "{error}"
    );
}

#[test]
fn a_timestamp_before_1970_is_a_matter_of_its_source() {
    let mut driver = driver(divided, |failed| match (failed.stage(), failed.timestamp()) {
        (Stage::Decode, -1) => Action::DeadLetter,
        _ => Action::Fail,
    });
    driver.input(IN).at(-1).send("a", 1).unwrap();
    assert_eq!(driver.output(DEAD).drain().len(), 1);
}

#[test]
fn a_node_may_have_a_dead_letter_topic_of_its_own() {
    let draw = |b: &StreamsBuilder| {
        let divided = b.stream(IN).map_values(|n| 100 / n).on_error(|_| Action::DeadLetterTo("zeros"));
        divided.map_values(|n| 10 / (n - 1)).to(OUT).named("out");
    };
    let mut driver = driver(draw, |_| Action::DeadLetter);
    driver.input(IN).send("a", 0).unwrap();
    driver.input(IN).send("b", 100).unwrap();
    assert_eq!(driver.output(Topic::<String, i64>::new("zeros")).drain()[0].key, "a");
    assert_eq!(driver.output(DEAD).drain()[0].key, "b");
    assert_eq!(driver.errors().iter().map(|row| row.dead_letters).collect::<Vec<_>>(), [1, 1]);
}

/// It writes no topic.
#[test]
fn a_global_table_skips_what_was_to_be_a_dead_letter() {
    let draw = |b: &StreamsBuilder| {
        let rates = b.global_table(Topic::<String, i64>::new("rates"));
        let stream = b.stream(IN);
        let joined = stream.join_global(&rates, |key, _| key.clone(), |n, rate| n * rate);
        joined.to(OUT).named("out");
    };
    let mut driver = driver(draw, |_| Action::DeadLetter);
    driver.input(Topic::<String, i64>::new("rates")).send("a", 3).unwrap();
    driver.input(Topic::<String, String>::new("rates")).send("a", "no number").unwrap();
    driver.input(IN).send("a", 2).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", 6)]);
    assert!(driver.output(DEAD).is_empty());
    assert_eq!((driver.errors()[0].skipped, driver.errors()[0].dead_letters), (1, 0));
}

/// Forwards, and then fails itself.
struct Reckless;

impl Processor<String, i64> for Reckless {
    type Out = (String, i64);

    fn process(
        &mut self,
        record: Record<String, i64>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        cx.forward(record);
        panic!("done for");
    }
}

#[test]
fn what_is_decided_below_a_processor_holds_though_it_panics() {
    let draw = |b: &StreamsBuilder| {
        let forwarded = b.stream(IN).process(|_| Reckless).named("reckless");
        forwarded.map_values(|n| 100 / n).named("divide").to(OUT);
    };
    let decide = |failed: &Failed<'_>| if failed.node() == "divide" { Action::Fail } else { Action::Skip };
    let mut driver = driver(draw, decide);
    driver.input(IN).send("a", 5).unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", 20)]);
    let error = driver.input(IN).send("b", 0).unwrap_err().to_string();
    assert!(error.contains("node divide: a closure panicked: attempt to divide by zero"), "{error}");
    let row = |node: &str| driver.errors().into_iter().find(|row| row.node == node).unwrap();
    assert_eq!((row("reckless").skipped, row("reckless").failures), (1, 0));
    assert_eq!((row("divide").skipped, row("divide").failures), (0, 1));
}
