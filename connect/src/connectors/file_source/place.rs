use std::fmt;

use super::disk::Look;
use super::identity::{FileId, Print, fnv1a_on};

/// The file in which lines were written, wherever rotation has brought them since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Birth {
    id: FileId,
    /// When it was made, in nanoseconds since 1970, if known: a freed inode is given to the next file.
    born: i64,
}

impl Birth {
    pub(super) fn of(look: &Look) -> Self {
        Self { id: look.id, born: look.born }
    }

    /// As positions have it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || u64::from_str_radix(parts.next()?, 16).ok();
        let (device, inode, born) = (next()?, next()?, next()?.cast_signed());
        parts.next().is_none().then_some(Self { id: FileId { device, inode }, born })
    }
}

impl fmt::Display for Birth {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:x}-{:x}-{:x}", self.id.device, self.id.inode, self.born)
    }
}

/// Where a line is: the same whenever it is read, and of no other line.
///
/// A file that is truncated is born but once, and not every file system knows when, so a place has the hash of the file's beginning
/// and of the line too. What is left: a line that comes again at the same byte after the same beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) birth: Birth,
    /// The byte at which it begins.
    pub(super) at: u64,
    pub(super) beginning: Beginning<'a>,
}

/// The first bytes of a file, as far as they stand before a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beginning<'a> {
    /// They were read with the line, which is `.0` bytes behind the beginning of `.1`.
    Read(usize, &'a [u8]),
    /// They were read before.
    Known(Print),
}

impl Place<'_> {
    /// Of a line, or of an event of several: it may have got one more when it is read again, so only its first tells.
    pub(super) fn text(&self, host: &str, event: &[u8]) -> String {
        let first = event.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = &first[..first.len().min(Print::HEAD as usize)];
        let beginning = match self.beginning {
            Beginning::Read(before, read) => Print::of(&read[..before.min(Print::HEAD as usize)]),
            Beginning::Known(head) => head,
        };
        format!("{host}-{}-{:016x}-{}", self.birth, fnv1a_on(beginning.hash, first), self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIRTH: Birth = Birth { id: FileId { device: 66_306, inode: u64::MAX }, born: -1 };

    fn text(at: u64, beginning: Beginning<'_>, event: &[u8]) -> String {
        Place { birth: BIRTH, at, beginning }.text("web-1", event)
    }

    #[test]
    fn a_birth_is_read_back_as_it_was_written() {
        assert_eq!(Birth::parse(&BIRTH.to_string()), Some(BIRTH));
        for wrong in ["", "1-2", "1-2-x", "1-2-3-4"] {
            assert_eq!(Birth::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_place_is_the_same_whether_the_beginning_was_read_now_or_before() {
        let file = [b'x'; 400];
        let now = text(300, Beginning::Read(300, &file), b"a line");
        assert_eq!(now, text(300, Beginning::Known(Print::of(&file[..256])), b"a line"));
        assert_eq!(now, text(300, Beginning::Read(300, &file), b"a line\n  with another"));
        assert_eq!(now.rsplit('-').next(), Some("300"));
    }

    #[test]
    fn no_two_lines_have_one_place() {
        let beginning = |bytes: &'static [u8]| Beginning::Read(bytes.len(), bytes);
        let places = [
            text(2, beginning(b"a\n"), b"x"),
            text(3, beginning(b"a\n"), b"x"),
            text(2, beginning(b"b\n"), b"x"),
            text(2, beginning(b"a\n"), b"y"),
            Place { birth: Birth { born: 0, ..BIRTH }, at: 2, beginning: beginning(b"a\n") }
                .text("web-1", b"x"),
            Place { birth: BIRTH, at: 2, beginning: beginning(b"a\n") }.text("web-2", b"x"),
        ];
        let distinct: std::collections::BTreeSet<&String> = places.iter().collect();
        assert_eq!(distinct.len(), places.len(), "{places:#?}");
    }
}
