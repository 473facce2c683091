//! The fields of a record, one after the other. In flexible versions lengths are varints of length + 1 and 0 is
//! null, and every structure ends with tagged fields; before them lengths are fixed and -1 is null.

use thiserror::Error;

use crate::varint;

/// Why a record of an internal topic was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The record ends inside a field, or a length points behind its end.
    #[error("the record is cut short")]
    CutShort,
    /// A string is not UTF-8.
    #[error("a string of the record is not UTF-8")]
    NotUtf8,
    /// A field that must be there is null.
    #[error("a field of the record is null that must not be")]
    Null,
    /// A newer broker wrote it.
    #[error("version {0} of the record is not known; a newer broker wrote it")]
    UnknownVersion(i16),
}

/// Reads fields off the front of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    is_flexible: bool,
}

impl<'a> Reader<'a> {
    /// Reads the version that every key and value of an internal topic begins with.
    pub(super) fn versioned(bytes: &'a [u8]) -> Result<(i16, Self), SchemaError> {
        let mut reader = Self { rest: bytes, is_flexible: false };
        Ok((reader.i16()?, reader))
    }

    pub(super) fn flexible(self, is_flexible: bool) -> Self {
        Self { is_flexible, ..self }
    }

    pub(super) fn i16(&mut self) -> Result<i16, SchemaError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, SchemaError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, SchemaError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn string(&mut self) -> Result<&'a str, SchemaError> {
        self.nullable_string()?.ok_or(SchemaError::Null)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<&'a str>, SchemaError> {
        let length = if self.is_flexible { self.compact_length()? } else { fixed_length(self.i16()?.into()) };
        let bytes = length.map(|length| self.take(length)).transpose()?;
        bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| SchemaError::NotUtf8)).transpose()
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], SchemaError> {
        let length = self.length()?.ok_or(SchemaError::Null)?;
        self.take(length)
    }

    /// The number of elements that follow; it sizes nothing, for it is a claim.
    pub(super) fn count(&mut self) -> Result<usize, SchemaError> {
        self.length()?.ok_or(SchemaError::Null)
    }

    /// Ends a structure: its tagged fields, each handed to `each` with its tag. None in versions without them.
    pub(super) fn tagged(&mut self, mut each: impl FnMut(u32, &'a [u8])) -> Result<(), SchemaError> {
        if !self.is_flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            each(tag, self.take(length)?);
        }
        Ok(())
    }

    fn length(&mut self) -> Result<Option<usize>, SchemaError> {
        if self.is_flexible { self.compact_length() } else { Ok(fixed_length(self.i32()?)) }
    }

    fn compact_length(&mut self) -> Result<Option<usize>, SchemaError> {
        Ok(self.varint()?.checked_sub(1).map(|length| length as usize))
    }

    fn varint(&mut self) -> Result<u32, SchemaError> {
        varint::read_u32(&mut self.rest).ok_or(SchemaError::CutShort)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SchemaError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(SchemaError::CutShort)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SchemaError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(SchemaError::CutShort)?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn fixed_length(length: i32) -> Option<usize> {
    usize::try_from(length).ok()
}

/// Appends a string whose length takes two bytes. What is longer than that field can say is cut: the names that
/// are stored came in through the same field.
pub(super) fn put_string(buf: &mut Vec<u8>, string: &str) {
    let end = string.floor_char_boundary(i16::MAX as usize);
    buf.extend_from_slice(&(end as i16).to_be_bytes());
    buf.extend_from_slice(&string.as_bytes()[..end]);
}

pub(super) fn put_nullable_string(buf: &mut Vec<u8>, string: Option<&str>) {
    match string {
        Some(string) => put_string(buf, string),
        None => buf.extend_from_slice(&(-1i16).to_be_bytes()),
    }
}

/// Appends bytes whose length takes four bytes.
pub(super) fn put_bytes(buf: &mut Vec<u8>, bytes: &[u8]) {
    buf.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    buf.extend_from_slice(bytes);
}

/// Appends a string of a flexible structure.
pub(super) fn put_compact_string(buf: &mut Vec<u8>, string: &str) {
    varint::write_u32(buf, string.len() as u32 + 1);
    buf.extend_from_slice(string.as_bytes());
}
