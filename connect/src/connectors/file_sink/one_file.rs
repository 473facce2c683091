//! The one file that everything is appended to, of which nothing is ever removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use millstream_client::TopicPartition;

use super::journal::Journal;
use super::open_file::OpenFile;
use super::progress::{Progress, sync_directory};
use super::rule::hidden;

/// So many tails of one place are put aside; nobody has more crashes of a machine there.
const ASIDE_MAX: u32 = 1000;

/// Which run of the machine this is: after another, what was written and not synced may be gone, or in part. Empty where the system
/// does not tell.
pub(super) fn boot() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    boot.map(|boot| boot.trim().to_owned()).unwrap_or_default()
}

fn journal_of(path: &Path) -> PathBuf {
    hidden(path, "writing")
}

/// A pipe keeps whoever opens it waiting, and neither it nor a device keeps what it is given. What is not there yet will be a file.
pub(super) fn is_regular(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let why =
            format!("{} is no regular file: the connectors stdout and exec write to others", path.display());
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// The file from its end on, made if it is not there. What is in it stays.
pub(super) fn begin(path: &Path, name: String) -> io::Result<OpenFile> {
    is_regular(path)?;
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let mut journal = Journal::new(journal_of(path));
    journal.clear()?;
    Ok(OpenFile::shared(name, file, length, journal))
}

/// Goes on with the file as a crash, or another program, has left it. What was on its way is completed and counts in `progress`;
/// what others have added stays, and writing goes on behind it.
pub(super) fn resume(
    path: &Path,
    base: u64,
    progress: &mut Progress,
    progress_path: &Path,
) -> io::Result<OpenFile> {
    is_regular(path)?;
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let there = file.metadata()?.len();
    if there < base {
        return Err(was_cut(path, there, base, progress_path));
    }
    let replayed = Journal::replay(&journal_of(path), &file, base)?;
    for (topic, partition, next) in replayed.next {
        progress.next.insert(TopicPartition { topic: topic.into(), partition }, next);
    }
    let machine_crashed = progress.boot.as_ref().is_some_and(|then| *then != boot());
    if machine_crashed && file.metadata()?.len() > replayed.end {
        put_aside(path, &file, replayed.end)?;
    }
    let cut_short = ends_within_a_line(&file, replayed.end)?;
    file.sync_all()?;
    let appending = OpenOptions::new().append(true).open(path)?;
    let length = appending.metadata()?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut open = OpenFile::shared(name, appending, length, Journal::new(journal_of(path)));
    progress.open = Some(open.counted());
    progress.boot = Some(boot());
    progress.write(progress_path)?;
    open.synced()?;
    if cut_short {
        open.encoder.out().push(b'\n');
    }
    Ok(open)
}

/// The file has less than was synced.
pub(super) fn was_cut(path: &Path, there: u64, synced: u64, progress_path: &Path) -> io::Error {
    io::Error::other(format!(
        "{} has {there} bytes, and {synced} were synced: somebody else wrote to it. Put it back, or remove {} to begin anew",
        path.display(),
        progress_path.display()
    ))
}

/// Whether others have added half a line to what is ours.
fn ends_within_a_line(file: &File, ours: u64) -> io::Result<bool> {
    let there = file.metadata()?.len();
    let mut last = [0];
    if there <= ours {
        return Ok(false);
    }
    file.read_exact_at(&mut last, there - 1)?;
    Ok(last != *b"\n")
}

/// The machine has crashed in the midst of writing: what is there and nobody knows comes again if it is ours. It is kept in a file
/// of its own, in case it is not.
fn put_aside(path: &Path, file: &File, from: u64) -> io::Result<()> {
    let free = (0..ASIDE_MAX).find_map(|nth| {
        let aside = path.with_added_extension(format!("{from}-{nth}.aside"));
        let made = OpenOptions::new().write(true).create_new(true).open(&aside);
        made.ok().map(|made| (aside, made))
    });
    let Some((aside, mut out)) = free else {
        let why = format!("{}: no file beside it can be made for what is behind byte {from}", path.display());
        return Err(io::Error::other(why));
    };
    let mut reader = file;
    reader.seek(SeekFrom::Start(from))?;
    let moved = io::copy(&mut reader.take(u64::MAX), &mut out)?;
    out.sync_all()?;
    sync_directory(&aside)?;
    tracing::warn!(file = %path.display(), aside = %aside.display(), bytes = moved, "the machine crashed while the file was written; what nobody can tell the origin of is kept beside it, and what is ours of it is written again");
    file.set_len(from)
}
