//! The compaction rewriter beside the filter of Kafka's log cleaner.

use millstream_wire::batch::{Batch, BatchWriter, CompactOptions, Compacted, NO_HEADERS, compact};
use millstream_wire::compression::Compression;
use millstream_wire::ids::Offset;
use proptest::prelude::*;

use crate::fixture::file;

const OPTIONS: CompactOptions =
    CompactOptions { retain_empty: true, delete_horizon: None, max_decompressed: 1 << 20, level: None };
/// What the fixture's cleaner had: its clock and `delete.retention.ms`.
const HORIZON: i64 = 1_000_000 + 86_400_000;

fn rewrite(bytes: &[u8], options: CompactOptions, keep: &[i64]) -> (Compacted, Vec<u8>) {
    let batch = Batch::parse(bytes).unwrap();
    let mut out = Vec::new();
    let done = compact(&batch, options, &mut Vec::new(), &mut out, |record| keep.contains(&record.offset.0))
        .unwrap();
    assert_eq!(done.written, out.len());
    (done, out)
}

#[test]
fn the_cleaners_bytes() {
    let original = file("batch-transactional.bin");
    let (done, out) = rewrite(&original, OPTIONS, &[10, 13]);
    assert_eq!((done.kept, done.dropped), (2, 2));
    assert_eq!(out, file("compacted-10-13.bin"));
    assert_eq!(rewrite(&original, OPTIONS, &[]).1, file("compacted-empty.bin"));
}

#[test]
fn a_tombstone_fixes_the_horizon() {
    let options = CompactOptions { delete_horizon: Some(HORIZON), ..OPTIONS };
    let (_, out) = rewrite(&file("batch-transactional.bin"), options, &[11, 13]);
    assert_eq!(out, file("compacted-11-13.bin"));
    let batch = Batch::parse(&out).unwrap();
    assert_eq!(batch.header.delete_horizon(), Some(HORIZON));
    let mut scratch = Vec::new();
    let times: Vec<_> =
        batch.records(&mut scratch, 0).unwrap().map(|record| record.unwrap().timestamp).collect();
    assert_eq!(times, [900, 5000]);

    // A second pass leaves the horizon that there is.
    let later = CompactOptions { delete_horizon: Some(HORIZON + 1), ..OPTIONS };
    assert_eq!(rewrite(&out, later, &[11, 13]).1, out);
}

#[test]
fn a_batch_that_loses_all_goes_unless_it_is_wanted() {
    let options = CompactOptions { retain_empty: false, ..OPTIONS };
    let (done, out) = rewrite(&file("batch-transactional.bin"), options, &[]);
    assert_eq!((done.written, out.len()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is dropped, with or without a horizon: offsets, times and bytes of the rest stay, and so does where
    /// the batch begins and ends.
    #[test]
    fn what_is_kept_stays(
        values in prop::collection::vec((any::<i64>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)), 1..20),
        codec in prop::sample::select(Compression::ALL.to_vec()),
        horizon in prop::option::of(any::<i64>()),
    ) {
        let mut writer = BatchWriter::new(codec, None);
        for (timestamp, _, value) in &values {
            writer.append(*timestamp, None, Some(value), NO_HEADERS);
        }
        let bytes = writer.finish().unwrap();
        let keep: Vec<i64> = (0..).zip(&values).filter(|(_, (_, keep, _))| *keep).map(|(index, _)| index).collect();
        let options = CompactOptions { delete_horizon: horizon, ..OPTIONS };
        let (done, out) = rewrite(&bytes, options, &keep);
        prop_assert_eq!(done.kept, keep.len());

        let batch = Batch::parse(&out).unwrap();
        batch.verify_crc().unwrap();
        prop_assert_eq!(batch.header.next_offset(), Offset(values.len() as i64));
        let mut scratch = Vec::new();
        let mut read = Vec::new();
        for record in batch.records(&mut scratch, 1 << 20).unwrap() {
            let record = record.unwrap();
            read.push((record.offset.0, record.timestamp, record.value.unwrap().to_vec()));
        }
        let expected: Vec<_> = keep
            .iter()
            .map(|&index| (index, values[index as usize].0, values[index as usize].2.clone()))
            .collect();
        prop_assert_eq!(read, expected);
    }
}
