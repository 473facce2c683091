//! The files of `tests/data` and the records in them.

use std::path::PathBuf;

use millstream_wire::batch::{BatchWriter, Header};

pub(crate) fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a text fixture, split at spaces.
pub(crate) fn lines(name: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(file(name)).unwrap();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A record that owns its bytes, for comparing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, Option<&'static str>)>,
}

/// The four records that every batch of the fixtures holds.
pub(crate) fn records() -> [Owned; 4] {
    let text = "to be or not to be, that is the question; ".repeat(20);
    let owned = |timestamp, key: Option<&str>, value: Option<&[u8]>| Owned {
        timestamp,
        key: key.map(|key| key.as_bytes().to_vec()),
        value: value.map(<[u8]>::to_vec),
        headers: Vec::new(),
    };
    [
        owned(1000, Some("k"), Some(b"v")),
        Owned { headers: vec![("a", Some("1")), ("a", Some("2")), ("", None)], ..owned(900, None, None) },
        owned(5000, Some(""), Some(&[7; 300])),
        owned(5000, Some("again"), Some(text.as_bytes())),
    ]
}

/// Appends them.
pub(crate) fn fill(writer: &mut BatchWriter) {
    for record in records() {
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| Header::new(name, value.map(str::as_bytes))).collect();
        writer.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers);
    }
}
