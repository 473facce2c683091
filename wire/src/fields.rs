//! Single fields of messages, for the few that are read and written by hand: headers, control records and the records
//! of the internal topics.
//!
//! A field comes in two forms. Plain: lengths of 16 bits (text) or 32 bits (bytes, arrays), -1 for null. Compact, in
//! flexible versions: an unsigned varint of the length plus one, 0 for null; and tagged fields end every struct.

use uuid::Uuid;

use crate::varint;

/// Tagged fields in one struct; no message of Kafka's has a tenth of them.
const MAX_TAGGED_FIELDS: u32 = 128;

/// A field that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A length that is negative without meaning null, or a count that the bytes cannot hold.
    #[error("a length or count does not fit the bytes")]
    BadLength,
    /// A null in a field that has none.
    #[error("null stands where a value must")]
    Null,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
}

/// Takes fields off the front of some bytes.
#[derive(Clone, Debug)]
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
    /// Whether lengths are compact and structs end with tagged fields.
    flexible: bool,
}

type Read<T> = Result<T, FieldError>;

impl<'a> FieldReader<'a> {
    /// Reads `bytes`, in compact form if `flexible`.
    pub(crate) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self { rest: bytes, flexible }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(FieldError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(FieldError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// An 8-bit number.
    pub(crate) fn i8(&mut self) -> Read<i8> {
        self.array().map(i8::from_be_bytes)
    }

    /// A 16-bit number.
    pub(crate) fn i16(&mut self) -> Read<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A 32-bit number.
    pub(crate) fn i32(&mut self) -> Read<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// A 64-bit number.
    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A UUID.
    pub(crate) fn uuid(&mut self) -> Read<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    /// An unsigned varint.
    pub(crate) fn unsigned_varint(&mut self) -> Read<u32> {
        varint::read_u32(&mut self.rest).ok_or(FieldError::Truncated)
    }

    /// A length, `None` for null; `plain` reads the form of versions that are not flexible.
    fn length(&mut self, plain: impl FnOnce(&mut Self) -> Read<i64>) -> Read<Option<usize>> {
        let length = if self.flexible { i64::from(self.unsigned_varint()?) - 1 } else { plain(self)? };
        match length {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| FieldError::BadLength),
        }
    }

    /// Text that may be null.
    pub(crate) fn nullable_text(&mut self) -> Read<Option<&'a str>> {
        let Some(length) = self.length(|reader| reader.i16().map(i64::from))? else {
            return Ok(None);
        };
        std::str::from_utf8(self.take(length)?).map(Some).map_err(|_| FieldError::NotUtf8)
    }

    /// Text.
    pub(crate) fn text(&mut self) -> Read<&'a str> {
        self.nullable_text()?.ok_or(FieldError::Null)
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let length = self.length(|reader| reader.i32().map(i64::from))?.ok_or(FieldError::Null)?;
        self.take(length)
    }

    /// An array that may be null. Room is made for what the bytes can hold at `smallest` bytes an element, never for
    /// what the count claims.
    pub(crate) fn nullable_list<T>(
        &mut self,
        smallest: usize,
        mut element: impl FnMut(&mut Self) -> Read<T>,
    ) -> Read<Option<Vec<T>>> {
        let Some(count) = self.length(|reader| reader.i32().map(i64::from))? else {
            return Ok(None);
        };
        if count > self.rest.len() / smallest {
            return Err(FieldError::BadLength);
        }
        (0..count).map(|_| element(self)).collect::<Read<Vec<T>>>().map(Some)
    }

    /// An array.
    pub(crate) fn list<T>(
        &mut self,
        smallest: usize,
        element: impl FnMut(&mut Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        self.nullable_list(smallest, element)?.ok_or(FieldError::Null)
    }

    /// The tagged fields at the end of a struct, if the version has them: `known` is called with each tag and a
    /// reader of its content, and leaves alone what it does not know.
    pub(crate) fn tagged(&mut self, mut known: impl FnMut(u32, &mut Self) -> Read<()>) -> Read<()> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.unsigned_varint()?;
        if count > MAX_TAGGED_FIELDS {
            return Err(FieldError::BadLength);
        }
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            known(tag, &mut Self::new(self.take(size)?, true))?;
        }
        Ok(())
    }

    /// The tagged fields at the end of a struct that knows none.
    pub(crate) fn skip_tagged(&mut self) -> Read<()> {
        self.tagged(|_, _| Ok(()))
    }
}

/// Appends fields to some bytes.
#[derive(Debug)]
pub(crate) struct FieldWriter<'a> {
    out: &'a mut Vec<u8>,
    flexible: bool,
}

impl<'a> FieldWriter<'a> {
    /// Writes to `out`, in compact form if `flexible`.
    pub(crate) fn new(out: &'a mut Vec<u8>, flexible: bool) -> Self {
        Self { out, flexible }
    }

    /// An 8-bit number.
    pub(crate) fn i8(&mut self, value: i8) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A 16-bit number.
    pub(crate) fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A 32-bit number.
    pub(crate) fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A 64-bit number.
    pub(crate) fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A UUID.
    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.out.extend_from_slice(value.as_bytes());
    }

    /// An unsigned varint.
    pub(crate) fn unsigned_varint(&mut self, value: u32) {
        varint::write_u32(self.out, value);
    }

    fn length(&mut self, length: Option<usize>, plain: impl FnOnce(&mut Self, i32)) {
        if self.flexible {
            self.unsigned_varint(length.map_or(0, |length| length as u32 + 1));
        } else {
            plain(self, length.map_or(-1, |length| length as i32));
        }
    }

    /// Text, or null. Plain text is cut where its length of 16 bits ends: what is stored came in through such a
    /// field, or is too long for any reader.
    pub(crate) fn nullable_text<'t>(&mut self, text: Option<&'t str>) {
        let fits = |text: &'t str| {
            if self.flexible { text } else { &text[..text.floor_char_boundary(i16::MAX as usize)] }
        };
        let text = text.map(fits);
        self.length(text.map(str::len), |writer, length| writer.i16(length as i16));
        self.out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) {
        self.nullable_text(Some(text));
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.length(Some(bytes.len()), Self::i32);
        self.out.extend_from_slice(bytes);
    }

    /// An array.
    pub(crate) fn list<T>(&mut self, elements: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.length(Some(elements.len()), Self::i32);
        elements.iter().for_each(|element| write(self, element));
    }

    /// The tagged fields at the end of a struct, if the version has them: tags and contents, in order of the tags.
    /// A field that holds its default must not be among them.
    pub(crate) fn tagged(&mut self, fields: &[(u32, Vec<u8>)]) {
        debug_assert!(self.flexible || fields.is_empty());
        if !self.flexible {
            return;
        }
        self.unsigned_varint(fields.len() as u32);
        for (tag, content) in fields {
            self.unsigned_varint(*tag);
            self.unsigned_varint(content.len() as u32);
            self.out.extend_from_slice(content);
        }
    }

    /// No tagged fields.
    pub(crate) fn no_tagged(&mut self) {
        self.tagged(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_round_trip() {
        for flexible in [false, true] {
            let mut out = Vec::new();
            let mut writer = FieldWriter::new(&mut out, flexible);
            writer.text("topic");
            writer.nullable_text(None);
            writer.bytes(&[1, 2]);
            writer.list(&[7, 8], |writer, number| writer.i32(*number));
            writer.no_tagged();
            let mut reader = FieldReader::new(&out, flexible);
            assert_eq!(reader.text(), Ok("topic"));
            assert_eq!(reader.nullable_text(), Ok(None));
            assert_eq!(reader.bytes(), Ok(&[1, 2][..]));
            assert_eq!(reader.list(4, FieldReader::i32), Ok(vec![7, 8]));
            assert_eq!(reader.skip_tagged(), Ok(()));
            assert!(reader.rest().is_empty());
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused_before_it_is_believed() {
        let claim = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1];
        assert_eq!(FieldReader::new(&claim, false).list(4, FieldReader::i32), Err(FieldError::BadLength));
        assert_eq!(FieldReader::new(&[0xff, 0xfe], false).nullable_text(), Err(FieldError::BadLength));
    }
}
