//! Windows that cannot be are refused when the topology is built.

use millstream::prelude::*;

fn build(windows: TimeWindows, store: WindowStore<String, i64>) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(Topic::<String, String>::new("in")).group_by_key();
    let _table = grouped.windowed_by(windows).count(store);
    builder.build()
}

fn mistake(windows: TimeWindows, store: WindowStore<String, i64>) -> String {
    match build(windows, store) {
        Err(TopologyError::InvalidWindows(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn windows_have_a_size_and_advance_by_no_more() {
    let store = || WindowStore::from("counts");
    assert!(mistake(TimeWindows::of(secs(0)), store()).contains("a millisecond"));
    assert!(mistake(TimeWindows::of(secs(1)).advance_by(secs(2)), store()).contains("not by 2000"));
    assert!(mistake(TimeWindows::of(secs(1)).advance_by(secs(0)), store()).contains("1 to 1000"));
    assert!(build(TimeWindows::of(secs(1)).advance_by(secs(1)), store()).is_ok());
}

#[test]
fn a_store_keeps_windows_for_as_long_as_they_change() {
    let windows = TimeWindows::of(secs(60)).grace(secs(5));
    let store = |seconds| WindowStore::from("counts").retention(secs(seconds));
    assert!(mistake(windows, store(64)).contains("\"counts\" keeps windows for 64000 ms"));
    assert!(build(windows, store(65)).is_ok());
}
