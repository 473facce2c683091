use crate::options::Choice;
use std::borrow::Cow;
use std::sync::Arc;

/// The character sets that every Java has, by which a [`StringConverter`](super::StringConverter) can write.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// What everybody uses.
    #[choice("UTF-8", "UTF8")]
    Utf8,
    /// Seven bits; what is none of it becomes `?`.
    #[choice("US-ASCII", "ASCII", "ISO646-US")]
    Ascii,
    /// The first 256 characters, one byte each; what is none of it becomes `?`.
    #[choice("ISO-8859-1", "ISO8859_1", "ISO8859-1", "latin1", "l1")]
    Latin1,
    /// Two bytes, the first most significant; written with a byte order mark, read by it.
    #[choice("UTF-16", "UTF_16", "unicode")]
    Utf16,
    /// Two bytes, the first most significant.
    #[choice("UTF-16BE", "UTF_16BE")]
    Utf16Be,
    /// Two bytes, the first least significant.
    #[choice("UTF-16LE", "UTF_16LE")]
    Utf16Le,
}

impl Charset {
    /// The text of the bytes; what is no text becomes U+FFFD, as Java has it.
    pub fn decode(self, bytes: &[u8]) -> Arc<str> {
        match self {
            Charset::Utf8 => match String::from_utf8_lossy(bytes) {
                Cow::Borrowed(text) => text.into(),
                Cow::Owned(text) => text.into(),
            },
            Charset::Ascii => {
                let chars =
                    bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '\u{fffd}' });
                chars.collect::<String>().into()
            }
            Charset::Latin1 => bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
            Charset::Utf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
                rest => decode_utf16(rest, u16::from_be_bytes),
            },
            Charset::Utf16Be => decode_utf16(bytes, u16::from_be_bytes),
            Charset::Utf16Le => decode_utf16(bytes, u16::from_le_bytes),
        }
    }

    /// The bytes of the text.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Charset::Utf8 => Cow::Borrowed(text.as_bytes()),
            Charset::Ascii => text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect(),
            Charset::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
            // Java writes no mark before nothing.
            Charset::Utf16 if text.is_empty() => Cow::Borrowed(&[]),
            Charset::Utf16 => {
                [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
            }
            Charset::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        }
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Arc<str> {
    let (units, rest) = bytes.as_chunks::<2>();
    let half = (!rest.is_empty()).then_some('\u{fffd}');
    let decoded = char::decode_utf16(units.iter().map(|&pair| unit(pair)));
    decoded.map(|c| c.unwrap_or('\u{fffd}')).chain(half).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_from_every_set_that_has_it() {
        for charset in [Charset::Utf8, Charset::Utf16, Charset::Utf16Be, Charset::Utf16Le] {
            assert_eq!(&*charset.decode(&charset.encode("añ€𝄞")), "añ€𝄞");
        }
        assert_eq!(&*Charset::Latin1.decode(&Charset::Latin1.encode("añ€")), "añ?");
        assert_eq!(&*Charset::Ascii.encode("añ"), b"a?");
        assert_eq!(&*Charset::Utf16.decode(&[0xff, 0xfe, 0x61, 0]), "a");
    }
}
