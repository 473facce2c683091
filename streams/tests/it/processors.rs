//! Processors: those of the programs that Kafka Streams runs too, and what a program can do with them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream::prelude::*;
use millstream::task::TaskError;
use millstream::testing::TestError;
use millstream::topology::TopologyError;

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");

/// Counts the records of each key, and passes them on: to every child, or to one of two in turn.
#[derive(Stores)]
pub(crate) struct Tally {
    #[store(KeyValueStore::new("tally").in_memory())]
    counts: Open<KeyValueStore<String, i64>>,
    children: Option<[&'static str; 2]>,
}

impl Tally {
    pub(crate) fn to_children(stores: &mut Stores<'_>) -> Self {
        Self { children: Some(["odd", "even"]), ..Self::open(stores) }
    }
}

impl Processor<String, String> for Tally {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        if record.value == "x" {
            self.counts.delete(&record.key)?;
            return Ok(());
        }
        let count = self.counts.get(&record.key)?.unwrap_or(0) + 1;
        self.counts.put(&record.key, count)?;
        let value = format!("{}{count}", record.value);
        match self.children {
            None => cx.forward(record.with_value(value)),
            Some([odd, even]) => {
                cx.forward_to(if count % 2 == 1 { odd } else { even }, record.with_value(value));
            }
        }
        Ok(())
    }
}

pub(crate) const LENGTHS: KeyValueStore<String, i64> = KeyValueStore::new("lengths").in_memory();

/// Keeps the lengths of values by key.
pub(crate) struct Lengths(pub(crate) Open<KeyValueStore<String, i64>>);

impl Processor<String, String> for Lengths {
    type Out = ();

    fn process(&mut self, record: Record<String, String>, _: &mut Context<()>) -> Result<(), ProcessError> {
        if record.value == "x" {
            return self.0.delete(&record.key).map(drop);
        }
        self.0.put(&record.key, record.value.len() as i64)
    }
}

/// Says what is known of the length of a key's value.
#[derive(Stores)]
pub(crate) struct Look {
    #[store(LENGTHS)]
    lengths: ReadOnly<KeyValueStore<String, i64>>,
}

impl Processor<String, String> for Look {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let length = self.lengths.get(&record.key)?.map_or("null".to_owned(), |length| length.to_string());
        let value = format!("{} {length}", record.value);
        cx.forward(record.with_value(value));
        Ok(())
    }
}

pub(crate) struct Shout;

impl FixedKeyProcessor<String, String> for Shout {
    type Out = String;

    fn process(
        &mut self,
        record: FixedKeyRecord<String, String>,
        cx: &mut FixedKeyContext<String, String>,
    ) -> Result<(), ProcessError> {
        for word in record.value().split(' ') {
            let time = record.timestamp() + 1;
            cx.forward(record.clone().with_value(format!("{word}!")).at(time));
        }
        Ok(())
    }
}

/// Passes records on; every 10 ms it says what time it is, and three times every 7 ms.
pub(crate) struct Ticks {
    kind: PunctuationKind,
    thrice: Option<Punctuator>,
    left: usize,
}

impl Ticks {
    pub(crate) fn new(kind: PunctuationKind) -> Self {
        Self { kind, thrice: None, left: 3 }
    }
}

impl Processor<String, String> for Ticks {
    type Out = (String, String);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(self.kind, Duration::from_millis(10));
        self.thrice = Some(cx.schedule(self.kind, Duration::from_millis(7)));
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
        let is_tock = Some(at.id) == self.thrice;
        let name = if is_tock { "tock" } else { "tick" };
        cx.forward(Record::new(name.into(), at.time.to_string(), at.time));
        self.left -= usize::from(is_tock);
        if is_tock && self.left == 0 {
            cx.cancel(at.id);
        }
        Ok(())
    }
}

/// Counts its records in a header, and drops the header "n" of every third.
#[derive(Default)]
pub(crate) struct Stamp {
    seen: usize,
}

impl Processor<String, String> for Stamp {
    type Out = (String, String);

    fn process(
        &mut self,
        mut record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        self.seen += 1;
        if self.seen.is_multiple_of(3) {
            record.headers.remove("n");
        }
        record.headers.push("seen", Some(self.seen.to_string().into_bytes()));
        cx.forward(record);
        Ok(())
    }
}

pub(crate) struct Where;

impl Processor<String, String> for Where {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let at = cx.metadata().unwrap();
        let place = format!("{}-{}@{}", at.topic, at.partition, at.offset);
        let place = format!("{place} {} {}", cx.task_id(), cx.stream_time());
        cx.forward(record.with_value(place));
        Ok(())
    }
}

/// Writes down what it is told.
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }
}

impl Processor<String, String> for Diary {
    type Out = (String, String);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(PunctuationKind::WallClock, Duration::from_millis(5));
        self.note(format!("init of {} {:?}", cx.task_id(), cx.metadata()));
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        self.note(format!("{} at {}", record.value, cx.wall_clock()));
        match record.value.as_str() {
            "lost" => cx.forward_to("nobody", record),
            "early" => cx.forward(record.at(-1)),
            "bad" => return Err(ProcessError::new("it is bad")),
            "panic" => panic!("it is worse"),
            _ => cx.forward(record),
        }
        Ok(())
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        self.note(format!("punctuation at {} {:?}", at.time, cx.metadata()));
        Ok(())
    }

    fn close(&mut self) {
        self.note("close");
    }
}

fn diary() -> (Arc<Mutex<Vec<String>>>, TestDriver) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let builder = StreamsBuilder::new();
    let shared = Arc::clone(&notes);
    builder.stream(IN).process(move |_| Diary(Arc::clone(&shared))).named("diary").to(OUT);
    (notes, TestDriver::new(&builder.build().unwrap()).unwrap())
}

#[test]
fn a_processor_is_told_of_its_life() {
    let (notes, mut driver) = diary();
    driver.advance_wall_clock(Duration::from_millis(12)).unwrap();
    driver.input(IN).send("a", "one").unwrap();
    driver.advance_wall_clock(Duration::from_millis(2)).unwrap();
    driver.close().unwrap();
    let expected = ["init of 0_0 None", "punctuation at 12 None", "one at 12", "close"];
    assert_eq!(*notes.lock().unwrap(), expected);
}

#[test]
fn what_a_processor_cannot_do_stops_the_task_at_its_node() {
    let failure = |value: &str| {
        let (_, mut driver) = diary();
        let error = driver.input(IN).send("a", value).unwrap_err();
        let TestError::Task(TaskError { .. }) = &error else { panic!("{error}") };
        error.to_string()
    };
    let at = "task 0_0, in-0 at offset 0, node diary: ";
    assert_eq!(failure("bad"), format!("{at}it is bad"));
    assert_eq!(failure("panic"), format!("{at}a closure panicked: it is worse"));
    let early = "a record was forwarded at -1, but times are milliseconds since 1970";
    assert_eq!(failure("early"), format!("{at}{early}"));
    let known = "no node \"nobody\" is attached here, only [\"KSTREAM-SINK-0000000001\"]";
    assert_eq!(failure("lost"), format!("{at}{known}"));
}

/// Opens the store of a table that was made before it.
struct Reader(Open<KeyValueStore<String, i64>>);

impl Processor<String, String> for Reader {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let count = self.0.get(&record.key)?.unwrap_or(0);
        cx.forward(record.with_value(count.to_string()));
        Ok(())
    }
}

#[test]
fn a_processor_reads_the_store_of_a_table() {
    let builder = StreamsBuilder::new();
    let _counts = builder.stream(IN).group_by_key().count("counts");
    builder
        .stream(Topic::<String, String>::new("ask"))
        .process(|stores| Reader(stores.open("counts")))
        .to(OUT);
    let topology = builder.build().unwrap();
    assert_eq!(topology.subtopologies().len(), 1);
    let mut driver = TestDriver::new(&topology).unwrap();
    driver.input(IN).send("a", "x").unwrap();
    driver.input(IN).send("a", "y").unwrap();
    driver.input(Topic::<String, String>::new("ask")).send("a", "?").unwrap();
    assert_eq!(driver.output(OUT).drain(), [record("a", "2")]);
}

#[test]
fn processors_agree_on_a_store_they_share() {
    let builder = StreamsBuilder::new();
    let _tally = builder.stream(IN).process(Tally::open);
    let _reader = builder.stream(IN).process(|stores| Reader(stores.open("tally")));
    assert_eq!(builder.build().unwrap_err(), TopologyError::ConflictingStores("tally".into()));
}

/// Does a tenth of its work in a call and asks for another.
struct Long(usize);

impl Processor<String, String> for Long {
    type Out = (String, String);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        cx.schedule(PunctuationKind::WallClock, Duration::from_millis(100));
        Ok(())
    }

    fn process(
        &mut self,
        _record: Record<String, String>,
        _cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        Ok(())
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        self.0 += 1;
        cx.forward(Record::new(self.0.to_string(), String::new(), at.time));
        if !self.0.is_multiple_of(3) {
            cx.punctuate_again();
        }
        Ok(())
    }
}

#[test]
fn a_long_punctuation_goes_on_in_the_next_turn_and_keeps_its_beat() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).process(|_| Long(0)).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let mut calls = |by| {
        driver.advance_wall_clock(Duration::from_millis(by)).unwrap();
        driver
            .output(OUT)
            .drain()
            .into_iter()
            .map(|record| (record.key, record.timestamp))
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(100), [("1".to_owned(), 100)]);
    assert_eq!(calls(0), [("2".to_owned(), 100)]);
    assert_eq!(calls(10), [("3".to_owned(), 110)]);
    assert_eq!(calls(80), []);
    assert_eq!(calls(10), [("4".to_owned(), 200)]);
}

/// A processor against a map.
#[test]
fn a_store_behaves_as_a_map() {
    const STORE: KeyValueStore<String, i64> = KeyValueStore::new("store");
    struct Steps(Open<KeyValueStore<String, i64>>);
    impl Processor<String, String> for Steps {
        type Out = ();
        fn process(
            &mut self,
            record: Record<String, String>,
            _cx: &mut Context<()>,
        ) -> Result<(), ProcessError> {
            let key = |text: &str| text.to_owned();
            let store = &mut self.0;
            match record.value.as_str() {
                "fill" => {
                    store.put(&key("b"), 2)?;
                    store.put_at(&key("a"), 1, 77)?;
                    assert_eq!(store.put_if_absent(&key("c"), 3)?, None);
                    assert_eq!(store.put_if_absent(&key("c"), 4)?, Some(3));
                }
                "read" => {
                    let all = |letters: &str, entries: Vec<(String, i64)>| {
                        let keys: String = entries.into_iter().map(|(key, _)| key).collect();
                        assert_eq!(keys, letters);
                    };
                    all("abc", store.all()?);
                    all("bc", store.range(key("b")..)?);
                    all("ba", store.reverse_range(..=key("b"))?);
                    assert_eq!(store.get_with_time(&key("a"))?, Some((1, 77)));
                    assert_eq!(store.get_with_time(&key("b"))?, Some((2, 5)));
                    assert_eq!(store.approximate_len(), 3);
                }
                _ => {
                    assert_eq!(store.delete(&key("b"))?, Some(2));
                    assert_eq!(store.delete(&key("b"))?, None);
                    assert_eq!(store.get(&key("b"))?, None);
                }
            }
            Ok(())
        }
    }
    let builder = StreamsBuilder::new();
    let _end = builder.stream(IN).process(|stores| Steps(stores.open(STORE)));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    for step in ["fill", "read", "delete"] {
        driver.input(IN).at(5).send("k", step).unwrap();
    }
    assert_eq!(driver.store(STORE).unwrap().all().unwrap(), [("a".to_owned(), 1), ("c".to_owned(), 3)]);
}
