use std::collections::HashMap;
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use tempfile::TempDir;

use super::{FLUSH_BYTES, FLUSH_RECORDS, MemoryBudget, Options, RocksBackend, TaskDatabase};
use crate::store::backend::{Checkpoint, Direction, KeyValueBackend, Position};
use crate::store::{Compression, RocksOptions, conformance};

pub(super) fn budget() -> MemoryBudget {
    MemoryBudget::new(8 << 20)
}

/// So large that nothing is flushed for want of memory.
fn ample_budget() -> MemoryBudget {
    MemoryBudget::new(16 * FLUSH_BYTES as usize)
}

fn store_at(path: &Path) -> RocksBackend {
    TaskDatabase::open(path, &["store"], &budget()).unwrap().store("store").unwrap()
}

/// What a crash of the process leaves: the files as they are, without what RocksDB has in memory.
pub(super) fn crash(path: &Path) -> TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
    }
    image
}

pub(super) fn at(next_offset: i64) -> Position {
    Position::At(Checkpoint { next_offset, written_at: 0, changelog_id: uuid::Uuid::nil() })
}

#[test]
fn conforms() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store", "other"], &budget()).unwrap();
    let mut other = database.store("other").unwrap();
    other.stage(b"\x01", Some(b"kept"));
    other.write(Position::Unchanged).unwrap();
    conformance::check(64, || {
        let mut store = database.store("store").unwrap();
        store.clear().unwrap();
        store
    });
    assert!(other.get(b"\x01", &mut Vec::new()).unwrap(), "stores of a task do not mix");
}

#[test]
fn a_crash_loses_data_and_position_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    store.stage(b"a", Some(b"1"));
    store.write(at(1)).unwrap();
    store.flush().unwrap();
    store.stage(b"a", Some(b"2"));
    store.write(at(2)).unwrap();

    let image = crash(directory.path());
    let survivor = store_at(image.path());
    let mut value = Vec::new();
    survivor.get(b"a", &mut value).unwrap();
    assert_eq!((value.as_slice(), survivor.position().unwrap().next_offset), (&b"1"[..], 1));
}

#[test]
fn a_clean_close_keeps_everything_and_a_forgotten_store_survives() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    store.stage(b"a", Some(b"1"));
    store.write(at(1)).unwrap();
    store.flush().unwrap();
    drop(store);
    drop(TaskDatabase::open(directory.path(), &["another"], &budget()).unwrap());
    assert!(store_at(directory.path()).get(b"a", &mut Vec::new()).unwrap());
}

#[test]
fn what_a_crash_costs_is_bounded_in_records() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store"], &ample_budget()).unwrap();
    let mut store = database.store("store").unwrap();
    let batch = 10_000;
    let last = 2 * FLUSH_RECORDS as i64 + batch;
    for next_offset in (batch..=last).step_by(batch as usize) {
        for record in 0..batch {
            store.stage(&record.to_be_bytes(), Some(b""));
        }
        store.write(at(next_offset)).unwrap();
    }
    let image = crash(directory.path());
    let survived = store_at(image.path()).position().unwrap().next_offset;
    assert!(last - survived <= FLUSH_RECORDS as i64, "{survived} of {last}");
}

#[test]
fn what_a_crash_costs_is_bounded_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store"], &ample_budget()).unwrap();
    let mut store = database.store("store").unwrap();
    let value = vec![7; 1 << 20];
    let last = 3 * FLUSH_BYTES as i64 / value.len() as i64;
    for next_offset in 1..=last {
        store.stage(&next_offset.to_be_bytes(), Some(&value));
        store.write(at(next_offset)).unwrap();
    }
    let image = crash(directory.path());
    let survived = store_at(image.path()).position().unwrap().next_offset;
    assert!((last - survived) as u64 * value.len() as u64 <= FLUSH_BYTES, "{survived} of {last}");
}

fn entries(store: &RocksBackend) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    store.scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, visit).unwrap();
    entries
}

/// Entries enough for several table files, every third key twice, some of them gone.
fn load(store: &mut RocksBackend, records: u64) {
    store.begin_load();
    for nth in 0..records {
        // An odd factor goes through all keys in an order that is not theirs.
        let key = (nth.wrapping_mul(7_919) % (records - records / 3)).to_be_bytes();
        store.stage(&key, (nth % 11 != 0).then_some(&nth.to_be_bytes()[..]));
        store.write(at(nth as i64 + 1)).unwrap();
    }
}

#[test]
fn what_is_loaded_is_what_would_have_been_written() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["loaded", "written"], &budget()).unwrap();
    let [mut loaded, mut written] = ["loaded", "written"].map(|name| database.store(name).unwrap());
    // What is there already is written over and deleted.
    for store in [&mut loaded, &mut written] {
        (0..100_u64).for_each(|key| store.stage(&key.to_be_bytes(), Some(b"old")));
        store.write(at(0)).unwrap();
    }
    let records = 150_000;
    load(&mut loaded, records);
    loaded.end_load().unwrap();
    for nth in 0..records {
        let key = (nth.wrapping_mul(7_919) % (records - records / 3)).to_be_bytes();
        written.stage(&key, (nth % 11 != 0).then_some(&nth.to_be_bytes()[..]));
    }
    written.write(at(records as i64)).unwrap();
    assert!(entries(&loaded).len() > 50_000);
    assert_eq!(entries(&loaded), entries(&written));
    assert_eq!(loaded.position(), written.position());
    loaded.stage(b"after", Some(b"the load"));
    loaded.write(at(records as i64 + 1)).unwrap();
    assert!(loaded.get(b"after", &mut Vec::new()).unwrap(), "afterwards it is a store as any other");
}

#[test]
fn a_load_that_is_given_up_has_what_its_position_says() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    let records = 300_000;
    load(&mut store, records);
    drop(store);
    fs::write(directory.path().join("load-7"), b"half a table").unwrap();

    let survivor = store_at(directory.path());
    assert!(!directory.path().join("load-7").exists(), "what a crash has left is deleted");
    let position = survivor.position().unwrap().next_offset as u64;
    assert!(0 < position && position < records, "{position}");
    let mut expected = HashMap::new();
    for nth in 0..position {
        expected.insert(nth.wrapping_mul(7_919) % (records - records / 3), (nth % 11 != 0).then_some(nth));
    }
    for key in 0..records - records / 3 {
        let mut value = Vec::new();
        let found = survivor.get(&key.to_be_bytes(), &mut value).unwrap();
        let there = found.then(|| u64::from_be_bytes(value.as_slice().try_into().unwrap()));
        assert_eq!(there, expected.get(&key).copied().flatten(), "key {key}, position {position}");
    }
}

#[test]
fn a_load_that_fails_says_so_and_its_position_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    store.write(at(5)).unwrap();
    store.flush().unwrap();
    // In the way of the first table file of several.
    fs::create_dir(directory.path().join("load-0")).unwrap();
    store.begin_load();
    let mut write = |nth: u64| {
        store.stage(&nth.to_be_bytes(), Some(&[0; 8]));
        store.write(at(nth as i64 + 6))
    };
    let failed = (0..70_000).find_map(|nth| write(nth).err());
    let error = failed.or(store.end_load().err()).unwrap();
    assert!(error.to_string().contains("load-0"), "{error}");
    drop(store);
    fs::remove_dir(directory.path().join("load-0")).unwrap();
    let store = store_at(directory.path());
    assert_eq!(store.position().unwrap().next_offset, 5);
    assert_eq!(entries(&store), [], "what came after the failure is there without what came before");
}

#[test]
fn a_load_that_is_closed_early_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    load(&mut store, 50_000);
    store.flush().unwrap();
    drop(store);
    assert_eq!(store_at(directory.path()).position().unwrap().next_offset, 50_000);
}

/// Bytes on disk of a store that was written with these options.
fn bytes_on_disk(options: RocksOptions) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let chosen = [("store".to_owned(), options)].into();
    let database =
        TaskDatabase::open_with(directory.path(), &["store", "other"], &ample_budget(), chosen).unwrap();
    let mut store = database.store("store").unwrap();
    for number in 0..20_000_u32 {
        store.stage(&number.to_be_bytes(), Some(&[7; 100]));
    }
    store.write(Position::Unchanged).unwrap();
    store.flush().unwrap();
    let mut value = Vec::new();
    assert!(store.get(&19_999_u32.to_be_bytes(), &mut value).unwrap() && value == [7; 100]);
    assert!(!store.get(&20_000_u32.to_be_bytes(), &mut value).unwrap());
    let files = directory.path().read_dir().unwrap().map(|file| file.unwrap());
    let tables = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "sst"));
    tables.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn a_store_is_kept_as_it_has_chosen() {
    fn compressed(options: &mut Options) {
        options.set_compression_type(::rocksdb::DBCompressionType::Zstd);
    }
    let plain = bytes_on_disk(RocksOptions::new());
    let unfiltered = bytes_on_disk(RocksOptions::new().bloom_bits(0));
    assert!(unfiltered + 20_000 < plain, "filters of 10 bits: {plain} bytes, none: {unfiltered}");
    for compressing in [
        RocksOptions::new().compression(Compression::Lz4),
        RocksOptions::new().compression(Compression::Zstd),
        RocksOptions::new().tune(compressed),
    ] {
        let bytes = bytes_on_disk(compressing);
        assert!(bytes * 4 < plain, "{compressing:?}: {bytes} of {plain} bytes");
    }
    let large = bytes_on_disk(RocksOptions::new().block_bytes(64 << 10));
    assert!(large < plain, "blocks of 64 KiB have less index: {large}, {plain}");
}

#[test]
fn windows_are_kept_as_their_store_has_chosen() {
    let budget = ample_budget();
    let chosen = [("views".to_owned(), RocksOptions::new().bloom_bits(0))].into();
    let options = super::database::StoreOptions::new(budget, chosen);
    let bits = |family: &str| options.chosen_for(family).bloom_bits;
    assert_eq!([bits("kv.views"), bits("windows.views")], [0, 0]);
    assert_eq!([bits("kv.view"), bits("windows.views-2"), bits("offsets")], [10, 10, 10]);
}

/// Holds whose bytes a process of this test's own loads.
const LOADER: &str = "MILLSTREAM_TEST_LOADER";

/// Large values are few, however many bytes they are.
#[test]
fn a_load_of_large_values_keeps_to_its_memory() {
    const BYTES: usize = 64 << 20;
    /// What a process takes that loads nothing, and what an allocator keeps.
    const BESIDE: usize = 24 << 20;
    const VALUE: usize = 8 << 10;
    if std::env::var_os(LOADER).is_none() {
        let test = "store::rocksdb::tests::a_load_of_large_values_keeps_to_its_memory";
        let mut loader = std::process::Command::new(std::env::current_exe().unwrap());
        let ended = loader.args(["--exact", test, "--nocapture"]).env(LOADER, "").status().unwrap();
        assert!(ended.success());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::new(BYTES);
    let database = TaskDatabase::open(directory.path(), &["loaded"], &budget).unwrap();
    let mut loaded = database.store("loaded").unwrap();
    loaded.begin_load();
    for nth in 0..2 * BYTES / VALUE {
        // What compresses to nothing would not take the way of the others.
        let seed = (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let value: Vec<u8> = (0..VALUE as u64).map(|at| (seed.wrapping_mul(at | 1) >> 33) as u8).collect();
        loaded.stage(&seed.to_be_bytes(), Some(&value));
        loaded.write(at(nth as i64)).unwrap();
    }
    loaded.end_load().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak = peak.unwrap().parse::<usize>().unwrap() << 10;
    assert!(peak < BYTES + BESIDE, "{} MiB at once", peak >> 20);
}

#[test]
fn a_load_takes_its_memory_from_the_cache_and_gives_it_back() {
    const BYTES: usize = 8 << 20;
    let directory = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::new(BYTES);
    let database = TaskDatabase::open(directory.path(), &["read", "loaded"], &budget).unwrap();
    let [mut read, mut loaded] = ["read", "loaded"].map(|name| database.store(name).unwrap());
    for key in 0..2 * BYTES as u64 / 1_000 {
        read.stage(&key.to_be_bytes(), Some(&[1; 1_000]));
    }
    read.write(at(1)).unwrap();
    read.flush().unwrap();
    let used = || {
        entries(&read);
        budget.used_bytes()
    };
    assert!(used() > BYTES * 3 / 4);
    loaded.begin_load();
    // Indexes and memtables cannot be evicted.
    assert!(used() < BYTES * 5 / 8, "{}", used());
    loaded.end_load().unwrap();
    assert!(used() > BYTES * 3 / 4);
}
