use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Settings;
use super::disk::{Disk, Look};
use super::identity::{FileId, Print};
use super::mark::Mark;
use super::place::{Beginning, Place};
use crate::connectors::events::Ending;

/// What takes the events of the files.
pub(super) trait Out {
    /// Takes an event. `false`: it was the last there is room for.
    fn take(&mut self, event: &Event<'_>) -> bool;

    /// Whether there is no room for another.
    fn is_full(&self) -> bool;
}

/// A line of a file, or several that belong together.
pub(super) struct Event<'a> {
    /// The path under which it was written.
    pub(super) path: &'a Arc<str>,
    /// Where it is.
    pub(super) place: Place<'a>,
    /// What it says.
    pub(super) bytes: &'a [u8],
}

/// A file that the tail knows.
pub(super) struct Tracked<F> {
    /// The path under which its lines were written, for headers.
    pub(super) label: Arc<str>,
    /// Where it was last seen.
    pub(super) path: PathBuf,
    /// Closed where there are too many; a file that has no name any more stays open until it is read.
    pub(super) file: Option<F>,
    /// Whether what is open is what the mark was taken of, as far as is known: a name may lead to another file.
    pub(super) is_proven: bool,
    pub(super) mark: Mark,
    pub(super) role: Role,
    /// How it stood when it was last looked at.
    pub(super) look: Look,
    /// How it stood before its end was last read; what differs from it is to be read.
    read_at: Option<(u64, i64)>,
    /// Whether reading it failed since the patterns were last looked up.
    has_failed: bool,
    /// When it was last seen to have changed.
    pub(super) changed_ms: u64,
    /// What was taken for its ending when its end was last read.
    tried: Ending,
    /// Whether the user's patterns name it, for all that is known: they were looked up since it was met, or not yet.
    pub(super) is_listed: bool,
    /// Whether it lost the name under which it was found: its writer will leave it.
    pub(super) is_moved: bool,
    /// Whether another has been written to under its name: its writer has left it.
    pub(super) is_replaced: bool,
    /// Whether it stands in the queue of those to be read.
    pub(super) is_ready: bool,
    /// Whether only zeros came so far: a writer that does not append leaves a hole where `copytruncate` cut.
    in_hole: bool,
}

/// Why the tail knows a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// To read it.
    Read,
    /// Not to read it, as its content is that of another, which is read.
    CopyOf(FileId),
}

/// What came of reading a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more.
    More,
    /// The end was reached.
    End,
    /// The file is not the one that was read so far.
    Rewritten,
}

impl<F> Tracked<F> {
    pub(super) fn new(path: PathBuf, file: F, mark: Mark, look: Look, now_ms: u64) -> Self {
        Self {
            label: Arc::from(mark.path.as_str()),
            path,
            file: Some(file),
            is_proven: true,
            role: Role::Read,
            look,
            read_at: None,
            has_failed: false,
            changed_ms: now_ms,
            tried: Ending::Growing,
            is_listed: true,
            is_moved: false,
            is_replaced: false,
            is_ready: false,
            in_hole: mark.position == 0,
            mark,
        }
    }

    /// Begins anew: what was read is not in the file any more. Returns how far that was.
    pub(super) fn restart(&mut self) -> Mark {
        self.read_at = None;
        self.tried = Ending::Growing;
        self.in_hole = true;
        let beginning = Mark::beginning(&self.label, self.mark.birth);
        std::mem::replace(&mut self.mark, beginning)
    }

    /// A copy is read from where its original was; that it is one shows when it is read.
    pub(super) fn go_on_as(&mut self, mark: Mark) {
        self.role = Role::Read;
        self.label = Arc::from(mark.path.as_str());
        self.mark = mark;
        self.is_proven = false;
        self.is_moved = true;
        self.read_at = None;
        self.in_hole = false;
    }

    /// Reading it failed: there is no sense in that again until it changes or some time has passed.
    pub(super) fn failed(&mut self) {
        self.read_at = Some(self.look.state());
        self.has_failed = true;
    }

    /// Some time has passed.
    pub(super) fn try_again(&mut self) {
        if std::mem::take(&mut self.has_failed) {
            self.read_at = None;
        }
    }

    /// How it stands now. Returns whether it is to be read.
    pub(super) fn looked(&mut self, look: Look, settings: &Settings, now_ms: u64) -> bool {
        if look.state() != self.look.state() {
            self.changed_ms = now_ms;
        }
        self.look = look;
        if self.role != Role::Read {
            return false;
        }
        let is_behind = self.mark.position < look.size && !look.is_sealed();
        self.read_at != Some(look.state()) || is_behind && self.ending(settings, now_ms) > self.tried
    }

    /// Whether it has been read to its end, what may be an event still being written included.
    pub(super) fn is_at_end(&self) -> bool {
        let is_read = self.mark.position >= self.look.size || self.tried >= Ending::Settled;
        self.role != Role::Read || self.has_failed || is_read
    }

    /// What can be said of its end.
    fn ending(&self, settings: &Settings, now_ms: u64) -> Ending {
        let quiet_ms = now_ms.saturating_sub(self.changed_ms);
        match () {
            () if self.look.is_sealed() => Ending::Last,
            () if (self.is_replaced || !self.look.is_linked) && quiet_ms >= settings.rotate_wait_ms => {
                Ending::Last
            }
            () if quiet_ms >= settings.settle_ms => Ending::Settled,
            () => Ending::Growing,
        }
    }

    /// Whether all was read and nobody will write more: its position dies with it.
    pub(super) fn is_done(&self, settings: &Settings, now_ms: u64) -> bool {
        !self.is_listed
            && self.read_at == Some(self.look.state())
            && !self.has_failed
            && self.ending(settings, now_ms) == Ending::Last
            && (self.tried == Ending::Last || self.mark.position >= self.look.size)
    }

    /// Reads a block and hands over its events.
    pub(super) fn read<D: Disk<File = F>>(
        &mut self,
        disk: &mut D,
        buffer: &mut Vec<u8>,
        settings: &Settings,
        now_ms: u64,
        out: &mut impl Out,
    ) -> io::Result<Step> {
        let Some(file) = self.file.as_mut() else { return Ok(Step::End) };
        let look = disk.look(file)?;
        if look.state() != self.look.state() {
            self.changed_ms = now_ms;
            self.look = look;
        }
        let ending = self.ending(settings, now_ms);
        loop {
            let known = self.known_bytes();
            let Some(file) = self.file.as_mut() else { return Ok(Step::End) };
            let read = disk.read_at(file, self.mark.position - known as u64, buffer)?;
            if read < known || !self.is_known(&buffer[..known]) {
                return Ok(Step::Rewritten);
            }
            self.is_proven = true;
            let is_end = read < buffer.len();
            let here = if is_end { ending } else { Ending::Growing };
            let done = self.take(&buffer[..read], known, here, settings, out);
            self.advance(&buffer[..known + done], known);
            if is_end && !out.is_full() {
                self.read_at = Some(look.state());
                self.tried = ending;
                return Ok(Step::End);
            }
            if done > 0 || out.is_full() {
                return Ok(Step::More);
            }
            // A block without an end of line: twice as much, up to what goes out as a piece.
            buffer.resize(buffer.len() * 2, 0);
        }
    }

    /// How much before the position is read again, to see whether it is what was there.
    fn known_bytes(&self) -> usize {
        let bytes = self.mark.position.min(Print::HEAD);
        // All of it while the head grows, since the longer head is taken from the block.
        (if bytes < Print::HEAD { bytes } else { self.mark.tail.bytes }) as usize
    }

    fn is_known(&self, known: &[u8]) -> bool {
        let tail = known.len().checked_sub(self.mark.tail.bytes as usize);
        let is_head_known = known.len() as u64 != self.mark.position || Print::of(known) == self.mark.head;
        is_head_known && tail.is_some_and(|tail| Print::of(&known[tail..]) == self.mark.tail)
    }

    /// Hands over the events behind the `known` bytes of what was read. Returns how many bytes they took.
    fn take(
        &mut self,
        read: &[u8],
        known: usize,
        ending: Ending,
        settings: &Settings,
        out: &mut impl Out,
    ) -> usize {
        let data = &read[known..];
        let zeros = if self.in_hole { data.iter().take_while(|byte| **byte == 0).count() } else { 0 };
        self.in_hole &= zeros == data.len();
        let begins = self.mark.position - known as u64;
        zeros
            + settings.events.cut(&data[zeros..], ending, |bytes| {
                // An event is a part of the block.
                let before = bytes.as_ptr().addr() - read.as_ptr().addr();
                let beginning = if begins == 0 {
                    Beginning::Read(before, read)
                } else {
                    Beginning::Known(self.mark.head)
                };
                let place = Place { birth: self.mark.birth, at: begins + before as u64, beginning };
                out.take(&Event { path: &self.label, place, bytes })
            })
    }

    /// `read` are the `known` bytes before the position and those that were taken since.
    fn advance(&mut self, read: &[u8], known: usize) {
        let begins = self.mark.position - known as u64;
        self.mark.position = begins + read.len() as u64;
        if begins == 0 {
            self.mark.head = Print::of(&read[..read.len().min(Print::HEAD as usize)]);
        }
        self.mark.tail = Print::of(&read[read.len().saturating_sub(Print::TAIL as usize)..]);
    }
}
