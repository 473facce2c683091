//! What holds for any records.

use millstream_wire::batch::{Batch, BatchWriter, Header, NO_HEADERS, ProduceLimits, validate_produced};
use millstream_wire::compression::Compression;
use millstream_wire::ids::Offset;
use proptest::prelude::*;

type Bytes = Vec<u8>;

#[derive(Clone, Debug)]
struct Input {
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(Bytes, Option<Bytes>)>,
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    // Around the widths that a length can have, and short ones most of the time.
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 60..70),
        1 => (8_180..8_200usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let headers = prop::collection::vec((some_bytes(), prop::option::of(some_bytes())), 0..3);
    let input = (any::<i64>(), prop::option::of(some_bytes()), prop::option::of(some_bytes()), headers)
        .prop_map(|(timestamp, key, value, headers)| Input { timestamp, key, value, headers });
    prop::collection::vec(input, 1..30)
}

fn headers(input: &Input) -> Vec<Header<'_>> {
    input.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
}

fn put(bytes: &Bytes) -> impl FnOnce(&mut Vec<u8>) + '_ {
    |buf| buf.extend_from_slice(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_goes_in_comes_out(inputs in inputs(), codec in prop::sample::select(Compression::ALL.to_vec())) {
        let mut writer = BatchWriter::new(codec, None);
        for input in &inputs {
            writer.append(input.timestamp, input.key.as_deref(), input.value.as_deref(), headers(input));
        }
        let bytes = writer.finish().unwrap();
        let header = validate_produced(&bytes, ProduceLimits { max_batch_bytes: bytes.len() }).unwrap();
        prop_assert_eq!(header.next_offset(), Offset(inputs.len() as i64));
        prop_assert_eq!(Some(header.max_timestamp), inputs.iter().map(|input| input.timestamp).max());

        let mut scratch = Vec::new();
        let mut records = Batch::parse(&bytes).unwrap().records(&mut scratch, 10 << 20).unwrap();
        for (offset, input) in (0..).zip(&inputs) {
            let record = records.next().unwrap().unwrap();
            prop_assert_eq!((record.offset, record.timestamp), (Offset(offset), input.timestamp));
            prop_assert_eq!((record.key, record.value), (input.key.as_deref(), input.value.as_deref()));
            prop_assert_eq!(record.headers.iter().collect::<Vec<_>>(), headers(input));
        }
        prop_assert!(records.next().is_none());
    }

    #[test]
    fn encoding_in_place_is_only_another_way(inputs in inputs()) {
        let mut plain = BatchWriter::new(Compression::None, None);
        let mut in_place = BatchWriter::new(Compression::None, None);
        for input in &inputs {
            plain.append(input.timestamp, input.key.as_deref(), input.value.as_deref(), headers(input));
            let (key, value) = (input.key.as_ref().map(put), input.value.as_ref().map(put));
            in_place.append_with(input.timestamp, key, value, headers(input));
        }
        prop_assert_eq!(plain.finish().unwrap(), in_place.finish().unwrap());
    }

    #[test]
    fn a_record_takes_no_more_than_its_bound(timestamp: i64, key in some_bytes(), value in some_bytes()) {
        let mut writer = BatchWriter::new(Compression::None, None);
        writer.append(0, None, None, NO_HEADERS);
        let before = writer.uncompressed_len();
        writer.append(timestamp, Some(&key), Some(&value), NO_HEADERS);
        prop_assert!(writer.uncompressed_len() - before <= BatchWriter::record_bound(key.len(), value.len()));
    }
}
