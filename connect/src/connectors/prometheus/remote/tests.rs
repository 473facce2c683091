use proptest::prelude::*;

use super::*;
use crate::connectors::prometheus::series::{NAME, stale};

const LIMITS: Limits = Limits { bytes: 1 << 20, series: 10, samples: 20, labels: 30 };

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = [(NAME, "up")].iter().chain(pairs);
    Labels::new(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()).unwrap()
}

fn series(pairs: &[(&str, &str)], samples: &[(i64, f64)]) -> Series {
    let sample = |&(timestamp, value): &(i64, f64)| Sample { timestamp, value };
    Series { labels: labels(pairs), samples: samples.iter().map(sample).collect() }
}

/// A snappy block of `request`, whatever it is.
fn block(request: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(request).unwrap()
}

/// The bytes by the rules of protobuf, field by field: 0x0a is field 1 with a length, 0x12 field 2 with a length.
#[test]
fn a_request_has_the_bytes_of_the_protocol() {
    let label = b"\x0a\x08__name__\x12\x02up";
    let point = b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07";
    let mut request = vec![0x0a, 2 + label.len() as u8 + 2 + point.len() as u8];
    request.extend([&[0x0a, label.len() as u8][..], label, &[0x12, point.len() as u8], point].concat());
    let sent = series(&[], &[(1_000, 1.0)]);
    assert_eq!(snap::raw::Decoder::new().decompress_vec(&encode([sent.clone()]).unwrap()).unwrap(), request);
    assert_eq!(decode(&block(&request), &LIMITS).unwrap().series, [sent]);
}

#[test]
fn the_mark_of_staleness_travels_bit_by_bit() {
    let sent = [series(&[("job", "a")], &[(1, 1.5), (2, stale()), (3, f64::NAN), (4, f64::NEG_INFINITY)])];
    assert_eq!(decode(&encode(sent.clone()).unwrap(), &LIMITS).unwrap().series, sent);
}

#[test]
fn what_is_beyond_a_limit_is_refused_before_it_is_decoded() {
    let refusal = |body: &[u8], limits: &Limits| decode(body, limits).unwrap_err().to_string();
    let many = |count: usize| encode(vec![series(&[], &[]); count]).unwrap();
    assert_eq!(decode(&many(10), &LIMITS).unwrap().series.len(), 10);
    assert!(refusal(&many(11), &LIMITS).contains("more than 10 series"));
    let samples = encode([series(&[], &[(1, 1.0); 21])]).unwrap();
    assert!(refusal(&samples, &LIMITS).contains("more than 20 samples"));
    // Two bytes each on the wire, and fifty in memory.
    let hollow = [&[0x0a, 120][..], &[0x0a, 0].repeat(60)].concat();
    assert!(refusal(&block(&hollow), &LIMITS).contains("more than 30 labels"));
    let small = Limits { bytes: 10, ..LIMITS };
    assert!(refusal(&many(3), &small).contains("at most 10 are taken"));
}

#[test]
fn what_is_no_request_is_told() {
    let refusal = |body: &[u8]| decode(body, &LIMITS).unwrap_err().to_string();
    assert!(refusal(b"").contains("snappy"));
    assert!(refusal(&[0xff; 20]).contains("snappy"));
    // 1 MiB in a body of four bytes.
    assert!(refusal(&[0x80, 0x80, 0x40, 0]).contains("claims 1048576"));
    // A field of 100 bytes in a message of two.
    assert!(refusal(&block(&[0x0a, 100])).contains("ends behind"));
    assert!(refusal(&block(&[0x0a, 2, 0x0a, 100])).contains("ends behind"));
    assert!(refusal(&encode([series(&[], &[])]).unwrap()[..3]).contains("snappy"));
}

/// A series by the rules of protobuf: its labels, and a sample of 1 at 1 s.
fn raw(labels: &[(&[u8], &[u8])]) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8][..], bytes].concat();
    let labels = labels
        .iter()
        .flat_map(|(name, value)| field(0x0a, &[field(0x0a, name), field(0x12, value)].concat()));
    let sample = field(0x12, b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07");
    field(0x0a, &labels.chain(sample).collect::<Vec<u8>>())
}

#[test]
fn a_series_that_is_none_leaves_the_others_be() {
    let good = raw(&[(b"__name__", b"up")]);
    for (bad, why) in [
        (raw(&[(b"a", b"b")]), "1 samples of series that are none (a series without a metric name"),
        (raw(&[(b"__name__", b"up"), (b"a", b"b"), (b"a", b"c")]), "(label \"a\" is given twice)"),
        (raw(&[(b"__name__", b"up"), (b"", b"b")]), "(a label without a name)"),
        (raw(&[(b"__name__", b"up"), (b"a", b"\xff")]), "(a label is no UTF-8)"),
        (vec![0x0a, 2, 0x0a, 0], "0 samples of series that are none"),
    ] {
        for request in [[&*good, &*bad].concat(), [&*bad, &*good].concat()] {
            let found = decode(&block(&request), &LIMITS).unwrap();
            assert_eq!(found.series, [series(&[], &[(1_000, 1.0)])], "{why}");
            let told = found.left_out.unwrap().to_string();
            assert!(told.contains("the rest is stored") && told.contains(why), "{told}");
        }
    }
    let found = decode(&block(&good), &LIMITS).unwrap();
    assert_eq!(found.left_out, None);
}

#[test]
fn a_native_histogram_is_left_out_and_the_samples_beside_it_are_not() {
    let histogram = b"\x0a\x13\x0a\x0d\x0a\x08__name__\x12\x01h\x22\x02\x08\x05".as_slice();
    let request = [raw(&[(b"__name__", b"up")]).as_slice(), histogram].concat();
    let found = decode(&block(&request), &LIMITS).unwrap();
    assert_eq!(found.series.iter().map(|one| one.samples.len()).collect::<Vec<_>>(), [1, 0]);
    let told = found.left_out.unwrap().to_string();
    assert!(told.contains("not 1 native histograms"), "{told}");
}

#[test]
fn what_has_no_form_here_is_passed_over() {
    // Metadata, and a field that nobody knows.
    assert_eq!(decode(&block(&[0x1a, 2, 0x08, 1, 0x48, 7]), &LIMITS).unwrap(), Decoded::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, &LIMITS);
        let _ = decode(&block(&bytes), &LIMITS);
    }

    #[test]
    fn damage_is_read_or_refused(at in 0_usize..200, with in any::<u8>()) {
        let request = WriteRequest { timeseries: vec![series(&[("a", "b")], &[(1, 1.0), (2, 2.0)]).into(); 3] };
        let mut bytes = request.encode_to_vec();
        let at = at % bytes.len();
        bytes[at] = with;
        let _ = decode(&block(&bytes), &LIMITS);
    }

    // Protobuf leaves out a zero, and prost takes -0.0 for one.
    #[test]
    fn what_is_sent_arrives(
        sent in proptest::collection::vec(
            ("[a-z]{1,5}", ".{1,5}", proptest::collection::vec((any::<i64>(), any::<f64>().prop_map(|value| value + 0.0)), 0..2)), 0..10),
    ) {
        let sent: Vec<Series> = sent.iter().map(|(name, value, samples)| series(&[(name, value)], samples)).collect();
        let read = Decoded { series: sent.clone(), left_out: None };
        prop_assert_eq!(decode(&encode(sent).unwrap(), &LIMITS).unwrap(), read);
    }
}
