//! What every backend must do, checked against a model. Each backend's tests call [`check`].

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use proptest::collection::vec;
use proptest::prelude::*;

use super::backend::{Checkpoint, Direction, KeyValueBackend, Position};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Few distinct short keys, so that puts meet deletes and bounds meet keys.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0), Just(1), Just(0xff)], 0..3)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded),]
}

type Write = (Vec<u8>, Option<Vec<u8>>);

fn batches() -> impl Strategy<Value = Vec<Vec<Write>>> {
    vec(vec((key(), proptest::option::of(vec(any::<u8>(), 0..3))), 0..8), 0..6)
}

pub(crate) fn check<B: KeyValueBackend>(cases: u32, open: impl Fn() -> B) {
    check_keys(cases, <[u8]>::to_vec, open);
}

/// As [`check`], for a window store that keeps everything: the first byte of a key becomes its window.
pub(crate) fn check_windowed<B: KeyValueBackend>(cases: u32, open: impl Fn() -> B) {
    let place = |key: &[u8]| {
        let (start, rest) = key.split_first().map_or((0, key), |(first, rest)| (i64::from(*first) + 1, rest));
        [&(start * 60_000).to_be_bytes()[..], rest].concat()
    };
    check_keys(cases, place, open);
}

fn check_keys<B: KeyValueBackend>(cases: u32, place: impl Fn(&[u8]) -> Vec<u8>, open: impl Fn() -> B) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(batches in batches(), from in bound(), to in bound(), limit in 1usize..10)| {
        let batches: Vec<Vec<Write>> = batches
            .into_iter()
            .map(|batch| batch.into_iter().map(|(key, value)| (place(&key), value)).collect())
            .collect();
        let (from, to) = (from.map(|key| place(&key)), to.map(|key| place(&key)));
        let mut backend = open();
        let mut model = BTreeMap::new();
        for (index, batch) in batches.iter().enumerate() {
            let checkpoint = Checkpoint {
                next_offset: index as i64,
                written_at: 7,
                changelog_id: uuid::Uuid::from_u128(9),
            };
            write(&mut backend, &mut model, batch, checkpoint);
            prop_assert_eq!(backend.position(), Some(checkpoint));
        }
        let range = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let mut expected: Entries = model
            .iter()
            .filter(|(key, _)| std::ops::RangeBounds::<[u8]>::contains(&range, key.as_slice()))
            .map(|(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone()))
            .collect();
        prop_assert_eq!(&scan(&backend, range, Direction::Forward, usize::MAX), &expected);
        prop_assert_eq!(scan(&backend, range, Direction::Forward, limit), &expected[..limit.min(expected.len())]);
        expected.reverse();
        prop_assert_eq!(scan(&backend, range, Direction::Reverse, usize::MAX), expected);
        let mut value = vec![9];
        for key in batches.iter().flatten().map(|(key, _)| key) {
            prop_assert_eq!(backend.get(key, &mut value).unwrap(), model.contains_key(key));
            prop_assert_eq!(&value, &model.get(key).cloned().unwrap_or_default());
        }
        backend.clear().unwrap();
        prop_assert_eq!(backend.position(), None);
        prop_assert!(scan(&backend, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, 1).is_empty());
    });
}

fn write<B: KeyValueBackend>(
    backend: &mut B,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    batch: &[(Vec<u8>, Option<Vec<u8>>)],
    checkpoint: Checkpoint,
) {
    for (key, value) in batch {
        backend.stage(key, value.as_deref());
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
    backend.write(Position::At(checkpoint)).unwrap();
}

fn scan<B: KeyValueBackend>(
    backend: &B,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    direction: Direction,
    limit: usize,
) -> Entries {
    let mut entries = Vec::new();
    backend
        .scan(range, direction, &mut |key, value| {
            entries.push((key.to_vec(), value.to_vec()));
            if entries.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    entries
}

/// What a window store must do on top: entries whose windows start too long before the latest are gone.
pub(crate) fn check_windows<B: KeyValueBackend>(cases: u32, open: impl Fn(i64) -> B) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let starts = vec(vec((0_i64..400_000, 0_u8..3, proptest::option::of(0_u8..9)), 0..6), 0..8);
    proptest!(config, |(batches in starts, retention in 1_i64..300_000, from in 0_i64..400_000)| {
        let mut backend = open(retention);
        let mut model = BTreeMap::new();
        let mut newest = -1;
        for batch in &batches {
            for (start, key, value) in batch {
                let bytes = [&start.to_be_bytes()[..], &[*key]].concat();
                let logged = [&[*key][..], &start.to_be_bytes(), &[0; 4]].concat();
                let value = value.map(|value| vec![value]);
                // What comes from the changelog and what comes from the task are one.
                match key {
                    0 => backend.stage_changelog(&logged, value.as_deref()),
                    _ => backend.stage(&bytes, value.as_deref()),
                }
                newest = newest.max(*start);
                match value {
                    Some(value) => model.insert(bytes, value),
                    None => model.remove(&bytes),
                };
            }
            backend.write(Position::Unchanged).unwrap();
        }
        let live_from = (newest - retention + 1).max(0);
        prop_assert_eq!(backend.newest_window(), newest);
        let live = |key: &[u8]| *key >= live_from.to_be_bytes()[..];
        let mut value = Vec::new();
        for key in model.keys() {
            prop_assert_eq!(backend.get(key, &mut value).unwrap(), live(key));
        }
        model.retain(|key, _| live(key));
        let bound = from.to_be_bytes();
        let range = (Bound::Included(&bound[..]), Bound::Unbounded);
        let expected: Entries = model.range(bound.to_vec()..).map(|(k, v)| (k.clone(), v.clone())).collect();
        prop_assert_eq!(&scan(&backend, range, Direction::Forward, usize::MAX), &expected);
        let reversed: Entries = expected.into_iter().rev().collect();
        prop_assert_eq!(scan(&backend, range, Direction::Reverse, usize::MAX), reversed);
    });
}
