//! Windows that are told of once: when they close, on stream time or on the wall clock; and records that come too late.

use std::collections::BTreeMap;

use millstream::prelude::*;
use proptest::prelude::*;

const IN: Topic<u8, i64> = Topic::new("in");
const LATE: Topic<u8, i64> = Topic::new("late");
const COUNTS: WindowStore<u8, i64> = WindowStore::new("counts");

/// Key, start of the window, count, time.
pub(super) type Final = (u8, i64, i64, i64);

fn out(size: u64) -> Topic<Windowed<u8>, i64> {
    Topic::windowed("out", millis(size))
}

pub(super) fn topology(windows: TimeWindows, emit: Emit) -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(IN).group_by_key().windowed_by(windows).emit(emit);
    let counts = grouped.late(|late| drop(late.to(LATE))).count(COUNTS);
    counts.to(Topic::windowed("out", windows.size()));
    builder.build().unwrap()
}

fn finals(driver: &mut TestDriver, size: u64) -> Vec<Final> {
    let records = driver.output(out(size)).drain().into_iter();
    records
        .map(|Record { key, value, timestamp, .. }| (key.key, key.window.start, value, timestamp))
        .collect()
}

/// Each window once, as soon as stream time is behind its end and grace; and the records that had no open window.
pub(super) fn expected(
    size: i64,
    grace: i64,
    advance: i64,
    inputs: &[(u8, i64)],
) -> (Vec<Final>, Vec<(u8, i64)>) {
    let mut open: BTreeMap<(i64, u8), (i64, i64)> = BTreeMap::new();
    let (mut told, mut late, mut stream_time) = (Vec::new(), Vec::new(), -1);
    for (key, time) in inputs {
        stream_time = stream_time.max(*time);
        let is_open = |start: &i64| start + size + grace > stream_time;
        let starts: Vec<i64> = (0..=*time)
            .step_by(advance as usize)
            .filter(|start| *time < start + size && is_open(start))
            .collect();
        if starts.is_empty() {
            late.push((*key, *time));
        }
        for start in starts {
            let (count, latest) = open.entry((start, *key)).or_insert((0, *time));
            (*count, *latest) = (*count + 1, (*latest).max(*time));
        }
        while let Some(((start, key), (count, latest))) = open.pop_first() {
            if is_open(&start) {
                open.insert((start, key), (count, latest));
                break;
            }
            told.push((key, start, count, latest));
        }
    }
    (told, late)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn each_window_is_told_of_once(
        (size, grace, advance) in (1_u64..40, 0_u64..40, 1_u64..40),
        inputs in proptest::collection::vec((0_u8..3, 0_i64..300), 0..60),
    ) {
        let advance = advance.min(size);
        let windows = TimeWindows::of(millis(size)).grace(millis(grace)).advance_by(millis(advance));
        let mut driver = TestDriver::new(&topology(windows, Emit::OnClose)).unwrap();
        for (key, time) in &inputs {
            driver.input(IN).at(*time).send(*key, 0).unwrap();
        }
        let (told, late) = expected(size as i64, grace as i64, advance as i64, &inputs);
        prop_assert_eq!(finals(&mut driver, size), told);
        let turned_away = driver.output(LATE).drain().into_iter().map(|record| (record.key, record.timestamp));
        prop_assert_eq!(turned_away.collect::<Vec<_>>(), late);
    }
}

#[test]
fn the_wall_clock_closes_what_a_silent_input_leaves_open() {
    let windows = TimeWindows::of(secs(10)).grace(secs(5));
    let mut driver = TestDriver::new(&topology(windows, Emit::OnCloseOrSilence(secs(60)))).unwrap();
    driver.advance_wall_clock(secs(1_000)).unwrap();
    for time in [1_000_000, 1_009_000, 1_012_000] {
        driver.input(IN).at(time).send(1, 0).unwrap();
    }
    driver.advance_wall_clock(secs(59)).unwrap();
    assert_eq!(finals(&mut driver, 10_000), [], "it was not silent for long enough");
    driver.advance_wall_clock(secs(1)).unwrap();
    assert_eq!(finals(&mut driver, 10_000), [(1, 1_000_000, 2, 1_009_000), (1, 1_010_000, 1, 1_012_000)]);

    driver.input(IN).at(1_013_000).send(1, 0).unwrap();
    assert_eq!(driver.output(LATE).drain(), [record(1, 0).at(1_013_000)], "closed is closed");
    driver.input(IN).at(1_056_000).send(1, 0).unwrap();
    driver.advance_wall_clock(secs(59)).unwrap();
    assert_eq!(finals(&mut driver, 10_000), [], "a record breaks the silence");
    driver.advance_wall_clock(secs(1)).unwrap();
    assert_eq!(finals(&mut driver, 10_000), [(1, 1_050_000, 1, 1_056_000)]);
}

#[test]
fn the_wall_clock_leaves_open_what_ends_after_it() {
    let windows = TimeWindows::of(secs(100)).grace(secs(5));
    let mut driver = TestDriver::new(&topology(windows, Emit::OnCloseOrSilence(secs(1)))).unwrap();
    driver.input(IN).at(99_000).send(1, 0).unwrap();
    driver.advance_wall_clock(secs(104)).unwrap();
    assert_eq!(finals(&mut driver, 100_000), []);
    driver.advance_wall_clock(secs(1)).unwrap();
    assert_eq!(finals(&mut driver, 100_000), [(1, 0, 1, 99_000)]);
}

#[test]
fn a_jump_in_time_loses_no_window() {
    // The windows are long expired when they close.
    let windows = TimeWindows::of(secs(10));
    let mut driver = TestDriver::new(&topology(windows, Emit::OnClose)).unwrap();
    driver.input(IN).at(0).send(1, 0).unwrap();
    driver.input(IN).at(86_400_000).send(1, 0).unwrap();
    assert_eq!(finals(&mut driver, 10_000), [(1, 0, 1, 0)]);
}
