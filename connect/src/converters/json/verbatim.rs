//! JSON that stays the text that it is, for a sink that would write the same again.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::data::{Schema, SchemaAndValue, Type, Value};

/// More fields, in objects that stand in each other, are not compared.
const NAMES_MAX: usize = 64;
/// Objects and arrays that stand deeper in each other are read.
const DEPTH_MAX: usize = 16;
/// Longer integers may not be what 64 bits hold (digits).
const DIGITS_MAX: usize = 18;

/// What such text has for a schema: nothing else has this very one.
static SCHEMA: LazyLock<Option<Arc<Schema>>> =
    LazyLock::new(|| Schema::builder(Type::Bytes).name("millstream.json.Text").build().ok());

/// The text as data, if it says what the data that it is read to would be written as: one object on one line, with nothing in
/// it that readers take in different ways.
pub(super) fn keep(bytes: &Bytes) -> Option<SchemaAndValue> {
    let schema = SCHEMA.clone()?;
    is_plain(bytes).then(|| SchemaAndValue::new(schema, Value::Bytes(bytes.clone())))
}

/// The text of data that is such text.
pub(crate) fn verbatim(data: &SchemaAndValue) -> Option<&Bytes> {
    match (&data.schema, &*SCHEMA, &data.value) {
        (Some(schema), Some(text), Value::Bytes(bytes)) if Arc::ptr_eq(schema, text) => Some(bytes),
        _ => None,
    }
}

/// Whether all readers agree on it. What this does not know is not plain, whatever it is.
fn is_plain(text: &[u8]) -> bool {
    let mut scan = Scan { text, at: 0, names: [0; NAMES_MAX], count: 0 };
    text.first() == Some(&b'{') && scan.whole().is_some() && std::str::from_utf8(text).is_ok()
}

/// Goes over a text; `None` ends it: the text is not plain.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Of the names of each object that is open, what tells most of them apart.
    names: [u64; NAMES_MAX],
    count: usize,
}

/// An object, with where its names begin, or an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object(usize),
    Array,
}

impl Scan<'_> {
    fn whole(&mut self) -> Option<()> {
        let mut open = [Open::Array; DEPTH_MAX];
        let mut depth = 0;
        loop {
            // A value begins here.
            match self.next()? {
                b'{' => {
                    *open.get_mut(depth)? = Open::Object(self.count);
                    depth += 1;
                    if self.skip_if(b'}') {
                        depth -= 1;
                    } else {
                        self.name(self.count)?;
                        continue;
                    }
                }
                b'[' => {
                    *open.get_mut(depth)? = Open::Array;
                    depth += 1;
                    if self.skip_if(b']') {
                        depth -= 1;
                    } else {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                digit => self.number(digit)?,
            }
            // A value ended here, and perhaps what stands around it.
            loop {
                let Some(around) = depth.checked_sub(1) else { return self.end() };
                match (open[around], self.next()?) {
                    (Open::Object(from), b',') => {
                        self.name(from)?;
                        break;
                    }
                    (Open::Array, b',') => break,
                    (Open::Object(from), b'}') => self.count = from,
                    (Open::Array, b']') => {}
                    _ => return None,
                }
                depth = around;
            }
        }
    }

    /// The next byte that is no blank. A line's end is none: a text of two lines is not plain.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            if byte != b' ' && byte != b'\t' {
                return Some(byte);
            }
        }
    }

    fn skip_if(&mut self, byte: u8) -> bool {
        let before = self.at;
        let found = self.next() == Some(byte);
        if !found {
            self.at = before;
        }
        found
    }

    fn end(&mut self) -> Option<()> {
        self.next().is_none().then_some(())
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        let found = self.text[self.at..].starts_with(rest);
        self.at += rest.len();
        found.then_some(())
    }

    /// A name that no other of its object has, and its colon.
    fn name(&mut self, from: usize) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        let begin = self.at;
        while !matches!(self.text.get(self.at)?, b'"' | b'\\' | ..0x20) {
            self.at += 1;
        }
        let name = &self.text[begin..self.at];
        if self.text.get(self.at)? != &b'"' {
            return None;
        }
        self.at += 1;
        if self.next()? != b':' {
            return None;
        }
        let print = fingerprint(name);
        if self.names[from..self.count].contains(&print) {
            return None;
        }
        *self.names.get_mut(self.count)? = print;
        self.count += 1;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    // Half a pair of surrogates is nothing that can be read: who reads finds out.
                    if !matches!(
                        self.text.get(self.at)?,
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
                    ) {
                        return None;
                    }
                    self.at += 1;
                }
                ..0x20 => return None,
                _ => {}
            }
        }
    }

    /// No exponents, no zeros in front, no more digits than everybody reads alike.
    fn number(&mut self, first: u8) -> Option<()> {
        let from = if first == b'-' { self.at } else { self.at - 1 };
        self.at = from;
        let whole = self.digits()?;
        if whole > 1 && self.text[from] == b'0' {
            return None;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        } else if first == b'-' && self.text[from] == b'0' {
            return None;
        }
        (!matches!(self.text.get(self.at), Some(b'e' | b'E'))).then_some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let from = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let count = self.at - from;
        (1..=DIGITS_MAX).contains(&count).then_some(count)
    }
}

/// The same for equal names. Names that differ seldom have the same: a text is read then that need not be.
fn fingerprint(name: &[u8]) -> u64 {
    let mut print = name.len() as u64;
    for part in name.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        print = (print.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    print
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::super::reader;
    use super::*;

    fn read(text: &[u8]) -> Option<Value> {
        reader::read::<Value>(text).ok()
    }

    #[test]
    fn one_object_on_one_line_is_plain() {
        for text in [
            "{}",
            r#"{"a":1}"#,
            r#"{ "a" : [ ] , "b":{ }}"#,
            r#"{"a":-1.50,"b":0,"c":0.5,"d":[1,2,{"a":null}],"e":{"a":true,"b":false}} "#,
            r#"{"ü":"\"\\\/\b\f\n\r\t 𝄞"}"#,
            r#"{"a":{"x":1},"b":{"x":1}}"#,
            r#"{"a":999999999999999999}"#,
        ] {
            assert!(is_plain(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_readers_take_in_different_ways_is_not() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(16), "]".repeat(16));
        let wide: Vec<String> = (0..65).map(|n| format!("\"a{n}\":1")).collect();
        for text in [
            "",
            "7",
            "[1]",
            "null",
            " {}",
            "{} {}",
            "{}x",
            "{\n}",
            "{}\n",
            "{}\r",
            r#"{"a":1,"a":2}"#,
            r#"{"b":{"a":1,"c":{},"a":2}}"#,
            r#"{"a":"\u00e4"}"#,
            r#"{"a\"b":1}"#,
            "{\"a\t\":1}",
            r#"{"a":007}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e5}"#,
            r#"{"a":1000000000000000000}"#,
            r#"{"a":NaN}"#,
            r#"{"a":tru}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}"#,
            r#"{"a" 1}"#,
            r#"{"a":"}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":1"#,
            r#"{a:1}"#,
            &*deep,
            &*format!("{{{}}}", wide.join(",")),
        ] {
            assert!(!is_plain(text.as_bytes()), "{text}");
        }
        assert!(!is_plain(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn only_what_was_kept_is_verbatim() {
        let text = Bytes::from_static(b"{\"a\":1}");
        assert_eq!(verbatim(&keep(&text).unwrap()), Some(&text));
        assert_eq!(verbatim(&SchemaAndValue::bytes(text.clone())), None);
        assert_eq!(verbatim(&SchemaAndValue::schemaless(Value::Bytes(text))), None);
        assert_eq!(keep(&Bytes::from_static(b"null")), None);
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            (-1e6..1e6).prop_map(Json::from),
            "\\PC{0,6}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn plain_text_is_what_others_read_from_it(document in json(), at in 0_usize..200, byte in any::<u8>()) {
            let mut text = document.to_string().into_bytes();
            for _ in 0..2 {
                if is_plain(&text) {
                    // serde_json is strict, and refuses what does not end with its object.
                    prop_assert!(matches!(serde_json::from_slice::<Json>(&text), Ok(Json::Object(_))));
                    prop_assert!(matches!(read(&text), Some(Value::Map(_))));
                    prop_assert!(!text.contains(&b'\n'));
                }
                let at = at % text.len();
                text[at] = byte;
            }
        }
    }
}
