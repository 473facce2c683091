//! Messages that Apache Kafka wrote are walked to their last byte, and not one byte less.

use millstream_wire::walk::{walk_request, walk_response};

use crate::fixture::{hex, lines};

#[test]
fn kafkas_messages_are_walked_to_their_last_byte() {
    let lines = lines("messages.txt");
    assert!(!lines.is_empty());
    for line in lines {
        let [kind, key, version, bytes] = &line[..] else { panic!("{line:?}") };
        let (key, version, bytes) = (key.parse().unwrap(), version.parse().unwrap(), hex(bytes));
        let walk = |bytes: &[u8]| match kind.as_str() {
            "request" => walk_request(key, version, bytes),
            _ => walk_response(key, version, bytes),
        };
        assert_eq!(walk(&bytes), Ok(bytes.len()), "{kind} {key} version {version}");
        for cut in 0..bytes.len() {
            assert!(walk(&bytes[..cut]).is_err(), "{kind} {key} version {version} cut at {cut}");
        }
    }
}
