//! One walk over a message's bytes.

use super::program::{Body, Length, Program, Step};
use super::{MAX_TAGGED_FIELDS, WalkErrorKind};
use crate::varint;

type Walked = Result<(), WalkErrorKind>;

/// What is left of the bytes and of the allowances. Allocates nothing.
pub(super) struct Walker<'p, 'b> {
    program: &'p Program,
    rest: &'b [u8],
    /// Array elements that may still come, over the whole message.
    elements_left: u32,
    /// Tagged fields that may still come, over the whole message.
    tags_left: u32,
}

impl<'p, 'b> Walker<'p, 'b> {
    pub(super) fn new(program: &'p Program, bytes: &'b [u8], elements: u32) -> Self {
        Self { program, rest: bytes, elements_left: elements, tags_left: MAX_TAGGED_FIELDS }
    }

    /// Walks the message and gives what follows it; with an error, what had not been walked.
    pub(super) fn walk(mut self) -> Result<&'b [u8], (WalkErrorKind, &'b [u8])> {
        match self.body(self.program.root) {
            Ok(()) => Ok(self.rest),
            Err(kind) => Err((kind, self.rest)),
        }
    }

    /// The depth of the recursion is that of the message's definition, never the sender's choice.
    fn body(&mut self, body: Body) -> Walked {
        let program = self.program;
        for step in &program.steps[body.start as usize..body.end as usize] {
            match step {
                Step::Skip(len) => self.skip(*len as usize)?,
                Step::Bytes { length, nullable } => {
                    let len = self.length(*length)?;
                    self.skip(present(len, *nullable)?)?;
                }
                Step::Array { count, nullable, element } => {
                    let count = self.length(*count)?;
                    self.array(present(count, *nullable)?, *element)?;
                }
                Step::Struct(inner) => self.body(*inner)?,
                Step::Optional(inner) => {
                    if self.is_present()? {
                        self.body(*inner)?;
                    }
                }
                Step::Tagged(known) => self.tagged(known)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Walked {
        self.rest = self.rest.get(len..).ok_or(WalkErrorKind::Truncated)?;
        Ok(())
    }

    /// A length or count; `None` is null.
    #[inline]
    fn length(&mut self, length: Length) -> Result<Option<usize>, WalkErrorKind> {
        let raw = match length {
            Length::Short => i64::from(i16::from_be_bytes(self.take()?)),
            Length::Long => i64::from(i32::from_be_bytes(self.take()?)),
            Length::Compact => i64::from(self.varint()?) - 1,
        };
        match raw {
            -1 => Ok(None),
            // The crate reads a compact length as an i32.
            0..=0x7fff_ffff => Ok(Some(raw as usize)),
            _ => Err(WalkErrorKind::BadLength(raw)),
        }
    }

    fn array(&mut self, count: usize, element: Body) -> Walked {
        let smallest = element.min_len.max(1) as usize;
        if count > self.rest.len() / smallest {
            return Err(WalkErrorKind::Count { count, remaining: self.rest.len() });
        }
        self.elements_left = u32::try_from(count)
            .ok()
            .and_then(|count| self.elements_left.checked_sub(count))
            .ok_or(WalkErrorKind::TooManyElements)?;
        if element.fixed {
            return self.skip(count * element.min_len as usize);
        }
        (0..count).try_for_each(|_| self.body(element))
    }

    fn is_present(&mut self) -> Result<bool, WalkErrorKind> {
        match i8::from_be_bytes(self.take()?) {
            1 => Ok(true),
            -1 => Ok(false),
            other => Err(WalkErrorKind::BadLength(i64::from(other))),
        }
    }

    /// A known field must fill its declared size exactly: the crate ignores the size, so what it would read of a
    /// lying one is not what was walked here.
    fn tagged(&mut self, known: &[(u32, Body)]) -> Walked {
        let count = self.varint()?;
        self.tags_left = self.tags_left.checked_sub(count).ok_or(WalkErrorKind::TooManyTags)?;
        for _ in 0..count {
            let (tag, size) = (self.varint()?, self.varint()? as usize);
            let after = self.rest.get(size..).ok_or(WalkErrorKind::Truncated)?;
            match known.iter().find(|(known, _)| *known == tag) {
                None => self.rest = after,
                Some((_, body)) => {
                    self.body(*body)?;
                    if self.rest.len() != after.len() {
                        return Err(WalkErrorKind::TagSize { tag });
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn varint(&mut self) -> Result<u32, WalkErrorKind> {
        varint::read_u32(&mut self.rest).ok_or(WalkErrorKind::Truncated)
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WalkErrorKind> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WalkErrorKind::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }
}

/// What a length stands for; null counts as nothing where it is allowed.
#[inline]
fn present(length: Option<usize>, nullable: bool) -> Result<usize, WalkErrorKind> {
    match length {
        Some(length) => Ok(length),
        None if nullable => Ok(0),
        None => Err(WalkErrorKind::Null),
    }
}
