use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options::{Compression, FileSinkOptions};
use crate::connectors::line::Format;

/// What the name of a file ends with that is not complete.
pub(super) const OPEN: &str = ".open";

/// How files are named and when they end.
#[derive(Clone)]
pub(super) enum Rule {
    /// One file for ever, of this name; others may append to it too.
    One(String),
    /// A file for so many bytes and so much time.
    Roll { bytes: u64, age: Duration, extension: &'static str, compression: Compression },
}

impl Rule {
    pub(super) fn rolling(options: &FileSinkOptions) -> Self {
        let extension = if options.format == Format::Lines { ".log" } else { ".jsonl" };
        let (bytes, age) = (options.roll_bytes, options.roll);
        Self::Roll { bytes, age, extension, compression: options.compression }
    }

    pub(super) fn is_full(&self, content: u64) -> bool {
        matches!(self, Self::Roll { bytes, .. } if content >= *bytes)
    }

    pub(super) fn compression(&self) -> Compression {
        match self {
            Self::One(_) => Compression::None,
            Self::Roll { compression, .. } => *compression,
        }
    }
}

/// The round in which a file was begun, and its first offset, by its name.
pub(super) fn begun(name: &str) -> Option<(u32, i64)> {
    let mut parts = name.split('.');
    let first = parts.next()?.parse().ok()?;
    Some((parts.next().and_then(|round| round.parse().ok()).unwrap_or(0), first))
}

/// The name of a file that is complete.
pub(super) fn complete(name: &str) -> &str {
    name.strip_suffix(OPEN).unwrap_or(name)
}

/// Where a lane of the one file keeps its progress.
pub(super) fn beside(file: &Path) -> PathBuf {
    hidden(file, "progress")
}

/// A file beside another, of its name and this ending, which a listing does not show.
pub(super) fn hidden(file: &Path, ending: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!(".{name}.{ending}"))
}
