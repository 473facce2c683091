//! The stores that processors reach: windows, those that others fill, global ones.

use millstream::prelude::*;

const IN: Topic<String, i64> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");
const WINDOWS: TimeWindows = TimeWindows::of(secs(10));
const SUMS: WindowStore<String, i64> = WindowStore::new("sums").windows(WINDOWS).retention(mins(1));
const LAST: KeyValueStore<String, i64> = KeyValueStore::new("last");

/// What is wrong with a program.
fn mistake(draw: impl Fn(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    draw(&builder);
    builder.build().unwrap_err().to_string()
}

/// Sums values by window, and says what it knows of the key's windows.
#[derive(Stores)]
struct Sum {
    #[store(SUMS)]
    sums: Open<WindowStore<String, i64>>,
}

impl Processor<String, i64> for Sum {
    type Out = (String, String);

    fn process(
        &mut self,
        record: Record<String, i64>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let start = WINDOWS.of_time(record.timestamp).next().unwrap().start;
        if record.value == 0 {
            let gone = self.sums.delete(&record.key, start)?;
            cx.forward(record.with_value(format!("{gone:?} is gone")));
            return Ok(());
        }
        let sum = self.sums.get(&record.key, start)?.unwrap_or(0) + record.value;
        self.sums.put(&record.key, start, sum)?;
        let show = |(window, sum): &(Window, i64)| format!("{}:{sum}", window.start / 1_000);
        let all: Vec<String> = self.sums.fetch(&record.key, ..)?.iter().map(show).collect();
        let last: Vec<String> = self.sums.reverse_fetch(&record.key, 10_000..)?.iter().map(show).collect();
        let every = self.sums.fetch_all(..)?.len();
        cx.forward(record.with_value(format!("{} | {} | {every}", all.join(" "), last.join(" "))));
        Ok(())
    }
}

#[test]
fn a_processor_keeps_windows_of_its_own() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).process(Sum::open).to(OUT);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    let mut said = |time: i64, key: &str, value: i64| {
        driver.input(IN).at(time).send(key, value).unwrap();
        driver.output(OUT).next_record().unwrap().value
    };
    assert_eq!(said(1_000, "a", 2), "0:2 |  | 1");
    assert_eq!(said(9_000, "a", 3), "0:5 |  | 1");
    assert_eq!(said(12_000, "a", 4), "0:5 10:4 | 10:4 | 2");
    assert_eq!(said(25_000, "b", 1), "20:1 | 20:1 | 3");
    assert_eq!(said(22_000, "a", 1), "0:5 10:4 20:1 | 20:1 10:4 | 4");
    assert_eq!(said(13_000, "a", 0), "Some(4) is gone");
    assert_eq!(said(65_000, "a", 7), "20:1 60:7 | 60:7 20:1 | 3", "a minute ago is too long ago");
    assert_eq!(driver.store(SUMS).unwrap().get("a", 60_000).unwrap(), Some(7));
}

#[test]
fn windows_start_where_the_store_says() {
    struct Askew(Open<WindowStore<String, i64>>);
    impl Processor<String, i64> for Askew {
        type Out = ();
        fn process(
            &mut self,
            record: Record<String, i64>,
            _: &mut Context<Self::Out>,
        ) -> Result<(), ProcessError> {
            self.0.put(&record.key, record.timestamp, record.value)
        }
    }
    let builder = StreamsBuilder::new();
    let _ = builder.stream(IN).process(|stores| Askew(stores.open(SUMS)));
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(IN).at(20_000).send("a", 1).unwrap();
    let error = driver.input(IN).at(20_001).send("a", 1).unwrap_err().to_string();
    assert!(error.contains("start at multiples of 10000 ms, not at 20001"), "{error}");
    const SHAPELESS: WindowStore<String, i64> = WindowStore::new("shapeless");
    let error = mistake(|builder| drop(builder.stream(IN).process(|stores| Askew(stores.open(SHAPELESS)))));
    assert!(error.contains("what its windows are"), "{error}");
}

/// Says what a store has for each record's key.
struct Look<S: millstream::processing::OpenStore>(ReadOnly<S>);

impl Processor<String, i64> for Look<KeyValueStore<String, i64>> {
    type Out = (String, String);
    fn process(
        &mut self,
        record: Record<String, i64>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let found = self.0.get(&record.key)?;
        let all = self.0.all()?.len();
        cx.forward(record.with_value(format!("{found:?} of {all}")));
        Ok(())
    }
}

impl Processor<String, i64> for Look<WindowStore<String, i64>> {
    type Out = (String, String);
    fn process(
        &mut self,
        record: Record<String, i64>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        let found: Vec<i64> = self.0.fetch(&record.key, ..)?.into_iter().map(|(_, count)| count).collect();
        cx.forward(record.with_value(format!("{found:?}")));
        Ok(())
    }
}

/// Sends the same key twice to another topic, in between to the one that is looked up.
fn looked_up(draw: impl Fn(&StreamsBuilder)) -> Vec<String> {
    let builder = StreamsBuilder::new();
    draw(&builder);
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(IN).send("a", 1).unwrap();
    driver.input(TABLE).send("a", 5).unwrap();
    driver.input(TABLE).send("b", 6).unwrap();
    driver.input(IN).send("a", 1).unwrap();
    driver.output(OUT).drain().into_iter().map(|record| record.value).collect()
}

const TABLE: Topic<String, i64> = Topic::new("table");

fn look(builder: &StreamsBuilder) {
    builder.stream(IN).process(|stores| Look(stores.read::<KeyValueStore<String, i64>>(LAST))).to(OUT);
}

#[test]
fn a_store_is_read_that_a_table_or_a_processor_fills() {
    let seen = ["None of 0", "Some(5) of 2"];
    let of_table = |builder: &StreamsBuilder| {
        let _table = builder.table_in(TABLE, LAST);
        look(builder);
    };
    assert_eq!(looked_up(of_table), seen);
    let of_processor = |builder: &StreamsBuilder| {
        struct Keep(Open<KeyValueStore<String, i64>>);
        impl Processor<String, i64> for Keep {
            type Out = ();
            fn process(
                &mut self,
                record: Record<String, i64>,
                _: &mut Context<Self::Out>,
            ) -> Result<(), ProcessError> {
                self.0.put(&record.key, record.value)
            }
        }
        let _ = builder.stream(TABLE).process(|stores| Keep(stores.open(LAST)));
        look(builder);
    };
    assert_eq!(looked_up(of_processor), seen);
    let of_windows = |builder: &StreamsBuilder| {
        const COUNTS: WindowStore<String, i64> = WindowStore::new("counts");
        let _counts = builder.stream(TABLE).group_by_key().windowed_by(WINDOWS).count(COUNTS);
        builder.stream(IN).process(|stores| Look(stores.read::<WindowStore<String, i64>>(COUNTS))).to(OUT);
    };
    assert_eq!(looked_up(of_windows), ["[]", "[1]"]);
}

#[test]
fn a_global_store_is_read_by_every_task_and_opened_by_none() {
    let of_global = |builder: &StreamsBuilder| {
        let _table = builder.global_table_in(TABLE, LAST);
        look(builder);
    };
    assert_eq!(looked_up(of_global), ["None of 0", "Some(5) of 2"]);
    let builder = StreamsBuilder::new();
    of_global(&builder);
    let topology = builder.build().unwrap();
    assert!(topology.subtopologies()[0].stores.is_empty(), "{}", topology.describe());
    let opened = mistake(|builder| {
        let _table = builder.global_table_in(TABLE, LAST);
        let _ = builder.stream(IN).process(|stores| {
            let _ = stores.open::<KeyValueStore<String, i64>>(LAST);
            Look(stores.read::<KeyValueStore<String, i64>>(LAST))
        });
    });
    assert!(opened.contains("\"last\" is filled from its topic alone"), "{opened}");
}

#[test]
fn a_store_that_is_not_there_or_of_other_types_is_told_of_by_the_build() {
    let unknown = mistake(look);
    assert!(unknown.contains("\"last\", which nothing before it makes"), "{unknown}");
    let wrong = mistake(|builder| {
        let _table = builder.table_in(Topic::<String, String>::new("table"), "last");
        look(builder);
    });
    assert!(wrong.contains("different types"), "{wrong}");
}
