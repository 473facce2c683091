//! The records of a write, divided among requests: a series stays in one shard, and a shard sends one request after the other.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::super::remote::Series;
use super::super::series::{Labels, Sample};

/// What one record of a write says.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The place of the record in the write.
    pub(super) record: usize,
    pub(super) series: Series,
}

/// Divides records by the hash of their labels, each shard's in their order.
pub(super) fn divide(prepared: impl IntoIterator<Item = Prepared>, shards: usize) -> Vec<Vec<Prepared>> {
    let mut out: Vec<Vec<Prepared>> = Vec::new();
    out.resize_with(shards, Vec::new);
    for one in prepared {
        let mut hasher = DefaultHasher::new();
        one.series.labels.hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "it is less than the number of shards")]
        out[(hasher.finish() % shards as u64) as usize].push(one);
    }
    out.retain(|shard| !shard.is_empty());
    out
}

/// The requests of a shard: as many records as have `samples_max` samples together, one at least.
pub(super) fn requests(shard: &[Prepared], samples_max: usize) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut samples = 0;
    for (at, one) in shard.iter().enumerate() {
        samples += one.series.samples.len();
        match out.last_mut() {
            Some(request) if samples <= samples_max => request.end = at + 1,
            _ => {
                out.push(at..at + 1);
                samples = one.series.samples.len();
            }
        }
    }
    out
}

/// The series of a request: each once, its samples oldest first, as the protocol wants it.
pub(super) fn merge(records: &[Prepared]) -> Vec<Series> {
    let mut places: HashMap<&Labels, usize> = HashMap::new();
    let mut out: Vec<Series> = Vec::new();
    for Prepared { series, .. } in records {
        let place = *places.entry(&series.labels).or_insert_with(|| {
            out.push(Series { labels: series.labels.clone(), samples: Vec::new() });
            out.len() - 1
        });
        out[place].samples.extend(&series.samples);
    }
    for series in &mut out {
        series.samples.sort_by_key(|sample: &Sample| sample.timestamp);
        series.samples.dedup();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::series::NAME;
    use super::*;

    fn prepared(record: usize, name: u8, timestamps: &[i64]) -> Prepared {
        let labels = Labels::new(vec![(NAME.to_owned(), format!("m{name}"))]).unwrap();
        let samples = timestamps.iter().map(|&timestamp| Sample { timestamp, value: 1.0 }).collect();
        Prepared { record, series: Series { labels, samples } }
    }

    #[test]
    fn a_series_is_there_once_with_its_samples_in_order() {
        let records = [prepared(0, 1, &[5, 3]), prepared(1, 2, &[1]), prepared(2, 1, &[4, 3])];
        let merged = merge(&records);
        let times: Vec<Vec<i64>> = merged
            .iter()
            .map(|series| series.samples.iter().map(|sample| sample.timestamp).collect())
            .collect();
        assert_eq!(times, [vec![3, 4, 5], vec![1]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_record_is_in_one_request_and_a_series_in_one_shard(
            records in proptest::collection::vec((0_u8..20, 1_usize..6), 0..60),
            shards in 1_usize..8,
            samples_max in 1_usize..10,
        ) {
            let all = records.iter().enumerate().map(|(at, &(name, samples))| prepared(at, name, &vec![0; samples]));
            let divided = divide(all, shards);
            let mut home: HashMap<String, usize> = HashMap::new();
            let mut seen = Vec::new();
            for (number, shard) in divided.iter().enumerate() {
                let mut next = 0;
                for request in requests(shard, samples_max) {
                    prop_assert_eq!(request.start, next);
                    next = request.end;
                    let samples: usize = shard[request.clone()].iter().map(|one| one.series.samples.len()).sum();
                    prop_assert!(samples <= samples_max || request.len() == 1);
                }
                prop_assert_eq!(next, shard.len());
                prop_assert!(shard.windows(2).all(|two| two[0].record < two[1].record), "in order");
                for one in shard {
                    prop_assert_eq!(*home.entry(one.series.labels.to_string()).or_insert(number), number);
                    seen.push(one.record);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..records.len()).collect::<Vec<_>>());
        }
    }
}
