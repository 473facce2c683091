//! Files that grow: every line once, through rotation by renaming and by truncation, compression, and inodes that come again.

mod batch;
mod disk;
mod family;
mod gzip;
mod identity;
mod local;
mod mark;
mod options;
mod pattern;
mod place;
mod rescue;
mod set;
#[cfg(test)]
mod simulation;
mod tailer;
mod task;
mod tracked;

use std::path::Path;

use async_trait::async_trait;

pub use options::{Content, FileSourceOptions, Key, StartAt};

use self::disk::Disk;
use self::local::LocalDisk;
use self::task::FileTask;
use super::events::Events;
use crate::about::About;
use crate::check::Finding;
use crate::error::ConnectError;
use crate::source::{Share, Source, SourceContext, SourceOffset, SourcePartition, SourceTask};

/// Follows files and writes each of their lines to a topic.
///
/// A file is known by its device and inode, its first bytes, and the bytes before the position, all of which are stored with the
/// position: a file that was truncated, or has a freed inode, is read from its beginning, and what was not read yet of a file
/// that was renamed, copied and truncated, or compressed is read where it is now. The position is deleted with its file.
pub struct FileSource;

#[async_trait]
impl Source for FileSource {
    type Options = FileSourceOptions;

    const ABOUT: About = About {
        name: "file-source",
        aliases: &["org.apache.kafka.connect.file.FileStreamSourceConnector", "FileStreamSource"],
        summary: "Follows files by name or pattern, through rotation, and writes each line to a topic.",
    };

    async fn check(options: &FileSourceOptions) -> Vec<Finding> {
        options.file.iter().map(|pattern| look_at(pattern)).collect()
    }

    /// Files are shared out by their directories, so that one task sees all that rotation makes of a file.
    async fn split(options: &FileSourceOptions, max: usize) -> Result<Vec<Share>, ConnectError> {
        Ok(share_out(&options.file, max))
    }

    fn check_position(
        _: &FileSourceOptions,
        partition: &SourcePartition,
        offset: &SourceOffset,
        stored: Option<&SourceOffset>,
    ) -> Result<(), String> {
        set::check(partition, offset, stored)
    }

    async fn open(
        options: FileSourceOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        Ok(Box::new(FileTask::start(options, &context)?))
    }
}

fn look_at(pattern: &str) -> Finding {
    let mut disk = LocalDisk::new(vec![pattern.to_owned()]);
    if let Some((path, why)) = disk.paths().1.pop_first() {
        return Finding::wrong(pattern, format!("{} cannot be read: {why}", path.display()));
    }
    let found = disk.list();
    let shut = found.iter().find_map(|one| Some((&one.path, disk.open(&one.path).err()?)));
    match shut {
        Some((path, why)) => Finding::wrong(pattern, format!("{} cannot be read: {why}", path.display())),
        None if found.is_empty() => {
            Finding::warning(pattern, "there is no such file yet; it is read when there is")
        }
        None => Finding::fine(pattern, format!("{} files can be read", found.len())),
    }
}

fn share_out(patterns: &[String], max: usize) -> Vec<Share> {
    let directory = |pattern: &str| Path::new(pattern).parent().map(Path::to_path_buf).unwrap_or_default();
    // Directories that are patterns themselves may overlap with any other.
    let has_pattern = |pattern: &String| directory(pattern).to_string_lossy().contains(['*', '?', '[']);
    if patterns.iter().any(has_pattern) {
        return vec![Share::new()];
    }
    let mut directories: Vec<_> = patterns.iter().map(|pattern| directory(pattern)).collect();
    directories.sort();
    directories.dedup();
    let mut shares = vec![Vec::new(); max.clamp(1, directories.len().max(1))];
    for pattern in patterns {
        let at = directories.binary_search(&directory(pattern)).unwrap_or(0) % shares.len();
        shares[at].push(pattern.as_str());
    }
    shares.into_iter().map(|patterns| Share::from([("file".to_owned(), patterns.join(","))])).collect()
}

/// What can be said of how files are followed.
#[derive(Debug, Clone)]
struct Settings {
    /// How their bytes become events.
    events: Events,
    /// How often the patterns are looked up.
    scan_ms: u64,
    /// How often known files are looked at.
    look_ms: u64,
    /// How long nothing comes until an event of several lines counts as complete.
    settle_ms: u64,
    /// How long nothing comes until a file that was moved away counts as left by its writer.
    rotate_wait_ms: u64,
    /// How many files are open at a time, but for those that have no name any more.
    max_open: usize,
    /// Whether files that are there at the very first start are followed from their end.
    from_end: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_followed_is_not_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        assert!(look_at(at).said.contains("no regular file"));
        assert!(look_at(&format!("{at}/*.log")).said.contains("no such file yet"));
        std::fs::write(dir.path().join("a.log"), "").unwrap();
        assert!(look_at(&format!("{at}/**/*.log")).said.contains("1 files"));
    }

    #[test]
    fn a_directory_is_the_matter_of_one_task() {
        let share_out = |patterns: &[&str], max| {
            let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
            let shares = share_out(&patterns, max).into_iter();
            shares.map(|mut share| share.remove("file").unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(share_out(&["/a/*.log", "/b/x", "/a/y"], 4), ["/a/*.log,/a/y", "/b/x"]);
        assert_eq!(share_out(&["/a/x", "/b/x", "/c/x"], 2), ["/a/x,/c/x", "/b/x"]);
        assert_eq!(share_out(&["/*/x", "/b/x"], 4), [""], "which may be the same file");
    }
}
