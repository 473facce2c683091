use std::path::PathBuf;
use std::time::Duration;

use crate::connectors::line::Format;
use crate::options::{Choice, Fault, Options};

/// What can be said to [`FileSink`](super::FileSink).
#[derive(Options, Clone, Debug)]
#[options(check = agree)]
pub struct FileSinkOptions {
    /// One file to append everything to, as Kafka's connector does. Other programs may append to it too, best while the connector
    /// is stopped: nothing in it is ever removed or written over. What is on its way lies in .FILE.writing beside it until it is
    /// synced, and is completed from there after a crash, so each record is there once. Should the machine itself crash, what
    /// nobody can tell the origin of is moved to FILE.POSITION-N.aside, and what is ours of it is written again. Rather name a
    /// directory where there is more than one task. At the end of a topology all its tasks append to the file, each record at least
    /// once, and nothing lies beside it.
    #[option(importance = "high")]
    pub(super) file: Option<PathBuf>,
    /// A directory for files of a limited size or age: DIRECTORY/TOPIC/PARTITION/OFFSET.EXTENSION, by the offset of the first
    /// record. A file that is not complete has .open behind its name. How far a partition was written is in the file .progress
    /// beside it: without that it is written again.
    #[option(importance = "high")]
    pub(super) directory: Option<PathBuf>,
    /// What a line is: the value's text, the value as JSON, or a JSON object of topic, partition, offset, timestamp, key, headers
    /// and value.
    #[option(default = "lines")]
    pub(super) format: Format,
    /// How a directory's files are compressed.
    #[option(default = "none")]
    pub(super) compression: Compression,
    /// How large a file becomes, in bytes before compression, until the next is begun. Only with a directory.
    #[option(name = "roll.bytes", default = 134_217_728, range = 1..=1_000_000_000_000)]
    pub(super) roll_bytes: u64,
    /// How long after a file was begun the next is, by the clock and whether records come or not. Only with a directory.
    #[option(name = "roll.ms", default = "1h", check = is_positive)]
    pub(super) roll: Duration,
}

/// How files are compressed.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip does, a member for each flush.
    #[choice("gzip", "gz")]
    Gzip,
    /// As zstd does, a frame for each flush.
    #[choice("zstd", "zst")]
    Zstd,
}

impl Compression {
    /// What a name ends with.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

fn is_positive(wait: &Duration) -> Result<(), String> {
    if wait.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(()) }
}

fn agree(options: &FileSinkOptions) -> Result<(), Fault> {
    let fault = |option: &str, why: &str| Err(Fault::new(option, format!("{option}: {why}")));
    match (&options.file, &options.directory) {
        (None, None) => {
            fault("file", "name a file or a directory; to print records, use the connector stdout")
        }
        (Some(_), Some(_)) => fault("file", "name a file or a directory, not both"),
        (Some(_), None) if options.compression != Compression::None => {
            fault("compression", "files of a directory are compressed: name a directory instead of a file")
        }
        (Some(path), None) if path.file_name().is_none() => fault("file", "has no name"),
        _ => Ok(()),
    }
}
