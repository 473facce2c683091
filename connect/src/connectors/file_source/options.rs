use std::time::Duration;

use glob::Pattern;
use regex::bytes::Regex;

use super::Settings;
use crate::connectors::events::Events;
use crate::options::{Choice, Options};

/// What can be said to [`FileSource`](super::FileSource).
#[derive(Options, Clone, Debug)]
pub struct FileSourceOptions {
    /// The files to follow: paths, or patterns such as /var/log/*/access.log, with commas between them. Rotated files need not be
    /// named: what was not read of them is found by its content. Names that end in .gz are decompressed.
    #[option(alias = "files", default = "", importance = "high", check = are_patterns)]
    pub(super) file: Vec<String>,
    /// The topic to write to.
    #[option(importance = "high")]
    pub(super) topic: String,
    /// How many records are handed over at once, at most.
    #[option(name = "batch.size", default = 2_000, range = 1..=100_000, importance = "low")]
    pub(super) batch_size: usize,
    /// Where files are begun that are there when the connector starts for the very first time. Files that come later are read
    /// from their beginning.
    #[option(name = "start.at", default = "beginning")]
    pub(super) start_at: StartAt,
    /// A regular expression for the first line of an event. The lines until the next one that matches belong to the event, as
    /// those of a stack trace. Every line is an event without.
    #[option(name = "multiline.start", check = is_regex)]
    pub(super) multiline_start: Option<String>,
    /// How long nothing comes until an event of several lines counts as complete.
    #[option(name = "multiline.wait.ms", default = 1_000, importance = "low")]
    pub(super) multiline_wait: Duration,
    /// The longest record. A longer line, or event of several lines, goes out in pieces.
    #[option(name = "line.max.bytes", default = 1_000_000, range = 16..=100_000_000, importance = "low")]
    pub(super) line_max_bytes: usize,
    /// The name of a header that tells the path under which a line was written. None without.
    #[option(name = "header.path")]
    pub(super) header_path: Option<String>,
    /// The name of a header that tells this machine's name. None without.
    #[option(name = "header.host")]
    pub(super) header_host: Option<String>,
    /// The name of a header that tells where a line is: this machine, the file in which it was written, a hash of the file's beginning
    /// and of the line, and the byte at which it begins. A line that is read again has the same, wherever rotation has brought it since,
    /// and no other has it: whoever keeps records by it keeps each once. None without.
    #[option(name = "header.position")]
    pub(super) header_position: Option<String>,
    /// The key of the records: none, or the path, which keeps the lines of a file in one partition and so in order.
    #[option(name = "record.key", default = "none")]
    pub(super) key: Key,
    /// What a line is: text, where bytes that are no UTF-8 become U+FFFD, or bytes as they are.
    #[option(name = "record.value", default = "text", importance = "low")]
    pub(super) value: Content,
    /// How often files are looked at for new lines.
    #[option(name = "poll.interval.ms", default = 100, check = is_positive, importance = "low")]
    pub(super) poll_interval: Duration,
    /// How often the patterns are looked up for new files.
    #[option(name = "scan.interval.ms", default = 1_000, check = is_positive, importance = "low")]
    pub(super) scan_interval: Duration,
    /// How long a file must be quiet that was moved away and has a successor, until its writer is taken to have left it. Then a
    /// last line without an end goes out, and the file is closed.
    #[option(name = "rotate.wait.ms", default = 5_000, importance = "low")]
    pub(super) rotate_wait: Duration,
    /// How many files are held open; more are opened in turns.
    #[option(name = "files.open.max", default = 512, range = 1..=100_000, importance = "low")]
    pub(super) files_open_max: usize,
}

/// Where a file is begun.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At its first line.
    Beginning,
    /// Behind its last line.
    End,
}

/// What the key of a record is.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Null.
    None,
    /// The path under which the line was written.
    Path,
}

/// What the value of a record is.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A string.
    Text,
    /// Bytes.
    Bytes,
}

#[expect(clippy::ptr_arg, reason = "a check takes what the option is")]
fn are_patterns(patterns: &Vec<String>) -> Result<(), String> {
    if patterns.is_empty() {
        return Err("name a file; lines of standard input are read by the connector stdin".to_owned());
    }
    patterns.iter().try_for_each(|pattern| {
        Pattern::new(pattern).map(drop).map_err(|why| format!("{pattern} is no pattern: {why}"))
    })
}

fn is_regex(text: &Option<String>) -> Result<(), String> {
    text.as_deref().map_or(Ok(()), |text| Regex::new(text).map(drop).map_err(|why| why.to_string()))
}

fn is_positive(wait: &Duration) -> Result<(), String> {
    if wait.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(()) }
}

impl FileSourceOptions {
    /// How the files are followed.
    pub(super) fn settings(&self) -> Settings {
        let milliseconds = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Settings {
            events: Events {
                start: self.multiline_start.as_deref().and_then(|text| Regex::new(text).ok()),
                max_bytes: self.line_max_bytes,
            },
            scan_ms: milliseconds(self.scan_interval),
            look_ms: milliseconds(self.poll_interval),
            settle_ms: milliseconds(self.multiline_wait),
            rotate_wait_ms: milliseconds(self.rotate_wait),
            max_open: self.files_open_max,
            from_end: self.start_at == StartAt::End,
        }
    }

    /// Whether a path is one that the user's patterns name.
    pub(super) fn names(&self, path: &str) -> bool {
        self.file.iter().any(|pattern| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(path)))
    }
}
