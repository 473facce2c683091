use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use super::encoder::Encoder;
use super::journal::Journal;
use super::options::Compression;
use super::progress::Counted;

/// A file that records are written to.
pub(super) struct OpenFile {
    pub(super) name: String,
    pub(super) file: Arc<File>,
    pub(super) encoder: Encoder,
    /// Where the last bytes of ours end.
    length: u64,
    /// How many bytes went in, before compression.
    pub(super) content: u64,
    pub(super) begun: Instant,
    /// Of a file that others may append to.
    shared: Option<Shared>,
}

/// What a file needs that is not ours alone.
struct Shared {
    journal: Journal,
    /// So many of the bytes that are ready were noted: a write failed in their midst.
    noted: usize,
}

impl OpenFile {
    /// One that nobody else writes to.
    pub(super) fn new(name: String, file: File, compression: Compression, length: u64, content: u64) -> Self {
        let encoder = Encoder::new(compression);
        Self { name, file: Arc::new(file), encoder, length, content, begun: Instant::now(), shared: None }
    }

    /// One that others may append to: `file` appends, and what it is given is noted in `journal` before.
    pub(super) fn shared(name: String, file: File, length: u64, journal: Journal) -> Self {
        let shared = Some(Shared { journal, noted: 0 });
        Self { shared, ..Self::new(name, file, Compression::None, length, length) }
    }

    pub(super) fn counted(&self) -> Counted {
        Counted { file: self.name.clone(), bytes: self.length, content: self.content }
    }

    /// Writes what is ready, after which reading goes on at `next`. What was written in part is written over, or gone on with.
    pub(super) fn drain(&mut self, next: impl FnOnce() -> Vec<(String, i32, i64)>) -> io::Result<()> {
        let out = self.encoder.out();
        if out.is_empty() {
            return Ok(());
        }
        let Some(Shared { journal, noted }) = &mut self.shared else {
            self.file.write_all_at(out, self.length)?;
            self.length += out.len() as u64;
            out.clear();
            return Ok(());
        };
        let there = self.file.metadata()?.len();
        if there != self.length {
            // Somebody else has appended, or cut it: behind what is there, whatever was noted of a place before.
            (self.length, *noted) = (there, 0);
        }
        if *noted < out.len() {
            let fresh = out.get(*noted..).unwrap_or_default();
            journal.note(self.length + *noted as u64, fresh, next())?;
            *noted = out.len();
        }
        while !out.is_empty() {
            let written = (&*self.file).write(out)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.length += written as u64;
            *noted -= written;
            out.drain(..written);
        }
        Ok(())
    }

    /// All that was written is synced.
    pub(super) fn synced(&mut self) -> io::Result<()> {
        self.shared.as_mut().map_or(Ok(()), |shared| shared.journal.clear())
    }

    /// Nothing of it is under way any more.
    pub(super) fn is_empty(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.journal.is_empty())
    }
}
