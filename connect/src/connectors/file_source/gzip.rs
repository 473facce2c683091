use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek};

use flate2::read::MultiGzDecoder;

/// How much is decompressed at once on the way to a position.
const STEP: usize = 64 << 10;

/// A compressed file, read as what it decompresses to. It goes forward; what was read last can be read again.
pub(super) struct GzipFile {
    file: File,
    decoder: MultiGzDecoder<BufReader<File>>,
    /// What was decompressed last: no more than the longest read.
    window: Vec<u8>,
    /// Where the window begins.
    at: u64,
    /// Whether the decoder met what it cannot read: a file that is being written is read again from its beginning.
    is_broken: bool,
}

impl GzipFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let decoder = MultiGzDecoder::new(BufReader::new(file.try_clone()?));
        Ok(Self { decoder, file, window: Vec::new(), at: 0, is_broken: false })
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if at < self.at || self.is_broken {
            self.rewind()?;
        }
        while self.at + (self.window.len() as u64) < at {
            self.forget(self.window.len());
            let step = usize::try_from(at - self.at).unwrap_or(STEP).min(STEP);
            if self.fill(step)? == 0 {
                return Ok(0);
            }
        }
        self.forget((at - self.at) as usize);
        while self.window.len() < buffer.len() && self.fill(buffer.len() - self.window.len())? > 0 {}
        let read = self.window.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.window[..read]);
        Ok(read)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.decoder = MultiGzDecoder::new(BufReader::new(self.file.try_clone()?));
        self.window.clear();
        self.at = 0;
        self.is_broken = false;
        Ok(())
    }

    /// Drops the beginning of the window.
    fn forget(&mut self, bytes: usize) {
        self.window.drain(..bytes);
        self.at += bytes as u64;
    }

    /// Decompresses up to so many bytes more.
    fn fill(&mut self, bytes: usize) -> io::Result<usize> {
        let known = self.window.len();
        self.window.resize(known + bytes, 0);
        let read = self.decoder.read(&mut self.window[known..]);
        self.window.truncate(known + read.as_ref().copied().unwrap_or(0));
        self.is_broken = read.is_err();
        read
    }
}
