use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::options::Compression;

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// Bytes on their way to a file. What was ended can be read without what follows: a file can be cut there.
pub(super) struct Encoder {
    compression: Compression,
    stage: Stage,
    /// What goes through a codec is put together here.
    line: Vec<u8>,
}

enum Stage {
    Plain(Vec<u8>),
    /// A member that was begun.
    Gzip(GzEncoder<Vec<u8>>),
    /// A frame that was begun.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(super) fn new(compression: Compression) -> Self {
        Self { compression, stage: Stage::Plain(Vec::new()), line: Vec::new() }
    }

    /// Takes what `append` appends; returns how many bytes that is.
    pub(super) fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<usize> {
        self.begin()?;
        let encoder: &mut dyn Write = match &mut self.stage {
            Stage::Plain(out) => {
                let before = out.len();
                append(out);
                return Ok(out.len() - before);
            }
            Stage::Gzip(encoder) => encoder,
            Stage::Zstd(encoder) => encoder,
        };
        self.line.clear();
        append(&mut self.line);
        encoder.write_all(&self.line)?;
        Ok(self.line.len())
    }

    /// What is ready to be written to the file.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        match &mut self.stage {
            Stage::Plain(out) => out,
            Stage::Gzip(encoder) => encoder.get_mut(),
            Stage::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Ends the member or frame that was begun.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let out = match std::mem::replace(&mut self.stage, Stage::Plain(Vec::new())) {
            Stage::Plain(out) => out,
            Stage::Gzip(encoder) => encoder.finish()?,
            Stage::Zstd(encoder) => encoder.finish()?,
        };
        self.stage = Stage::Plain(out);
        Ok(())
    }

    /// Begins a member or frame, where none is.
    fn begin(&mut self) -> io::Result<()> {
        let Stage::Plain(out) = &mut self.stage else { return Ok(()) };
        match self.compression {
            Compression::None => {}
            Compression::Gzip => {
                self.stage = Stage::Gzip(GzEncoder::new(std::mem::take(out), flate2::Compression::default()));
            }
            Compression::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(std::mem::take(out), ZSTD_LEVEL)?;
                self.stage = Stage::Zstd(encoder);
            }
        }
        Ok(())
    }
}
