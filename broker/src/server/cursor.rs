//! Fields of a request body that was walked, read in order without copying.

use bytes::{Buf, Bytes};
use uuid::Uuid;

/// Reads the fields of one request version. `None` means that the walk and this reader disagree; the caller treats
/// it as a malformed request.
#[derive(Debug)]
pub(crate) struct Cursor {
    rest: Bytes,
    /// Flexible versions have compact lengths and tagged fields.
    flexible: bool,
}

impl Cursor {
    pub(crate) fn new(body: Bytes, flexible: bool) -> Self {
        Self { rest: body, flexible }
    }

    pub(crate) fn i16(&mut self) -> Option<i16> {
        self.rest.try_get_i16().ok()
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.rest.try_get_i32().ok()
    }

    pub(crate) fn uuid(&mut self) -> Option<Uuid> {
        self.rest.try_get_u128().ok().map(Uuid::from_u128)
    }

    /// A string, or nothing where it is null.
    pub(crate) fn nullable_string(&mut self) -> Option<Option<Bytes>> {
        let length = if self.flexible { self.compact_length()? } else { i64::from(self.i16()?) };
        self.take_nullable(length)
    }

    pub(crate) fn string(&mut self) -> Option<Bytes> {
        self.nullable_string()?
    }

    /// Bytes, or nothing where they are null.
    pub(crate) fn nullable_bytes(&mut self) -> Option<Option<Bytes>> {
        let length = self.length()?;
        self.take_nullable(length)
    }

    /// The number of elements of an array; null counts as none.
    pub(crate) fn count(&mut self) -> Option<usize> {
        Some(usize::try_from(self.length()?).unwrap_or(0))
    }

    /// Skips the tagged fields at the end of a structure.
    pub(crate) fn end(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()? as usize;
            self.take(size)?;
        }
        Some(())
    }

    fn length(&mut self) -> Option<i64> {
        if self.flexible { self.compact_length() } else { self.i32().map(i64::from) }
    }

    /// -1 for null, as in the other form.
    fn compact_length(&mut self) -> Option<i64> {
        Some(i64::from(self.varint()?) - 1)
    }

    fn take_nullable(&mut self, length: i64) -> Option<Option<Bytes>> {
        match usize::try_from(length) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Some(None),
        }
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.rest.len()).then(|| self.rest.split_to(length))
    }

    fn varint(&mut self) -> Option<u32> {
        let mut rest = &self.rest[..];
        let value = millstream_wire::varint::read_u32(&mut rest)?;
        let read = self.rest.len() - rest.len();
        self.rest.advance(read);
        Some(value)
    }
}
