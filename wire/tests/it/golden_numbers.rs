//! Hashes and variable-length integers that Apache Kafka computed.

use millstream_wire::murmur2::{murmur2, partition_for_key};
use millstream_wire::varint;

use crate::fixture::{hex, lines};

#[test]
fn hashes_and_partitions() {
    for line in lines("murmur2.txt") {
        let key = hex(&line[0][1..]);
        assert_eq!(murmur2(&key).to_string(), line[1], "{line:?}");
        assert_eq!(partition_for_key(&key, 7).to_string(), line[2], "{line:?}");
    }
}

#[test]
fn variable_length_integers() {
    for line in lines("varlong.txt") {
        let (number, bytes) = (line[0].parse().unwrap(), hex(&line[1]));
        let mut out = Vec::new();
        varint::write_i64(&mut out, number);
        assert_eq!(out, bytes, "{number}");
        assert_eq!(varint::read_i64(&mut &bytes[..]), Some(number));
    }
}
