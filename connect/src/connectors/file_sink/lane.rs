use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_client::TopicPartition;
use uuid::Uuid;

use super::one_file;
use super::open_file::OpenFile;
use super::progress::{Counted, Progress, sync_directory};
use super::rule::{OPEN, Rule, begun, complete};
use crate::record::Record;

/// A file that is written, and those of the same partition before and after it.
pub(super) struct Lane {
    /// Where the files are.
    directory: PathBuf,
    /// Where the progress is kept.
    progress_path: PathBuf,
    rule: Rule,
    open: Option<OpenFile>,
    /// Complete, and not yet under their names.
    sealed: Vec<(Arc<File>, String)>,
    /// What is written, if not yet for good.
    written: Progress,
    /// What is on disk for good.
    durable: Progress,
    /// Partitions of which something was written since bytes went to the file.
    moved: BTreeSet<TopicPartition>,
}

/// What must be done on disk before a lane's progress counts.
pub(super) struct Flush {
    progress_path: PathBuf,
    sealed: Vec<(Arc<File>, PathBuf, PathBuf)>,
    open: Option<Arc<File>>,
    progress: Progress,
}

impl Lane {
    /// Goes on where the last flush was. What follows it in files of a directory is cut off, and comes again; what was on its way to
    /// the one file is completed.
    pub(super) fn recover(directory: PathBuf, progress_path: PathBuf, rule: Rule) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let durable = Progress::read(&progress_path)?;
        let mut lane = Self {
            directory,
            progress_path,
            rule,
            open: None,
            sealed: Vec::new(),
            written: durable.clone(),
            durable,
            moved: BTreeSet::new(),
        };
        lane.restore()?;
        Ok(lane)
    }

    /// Brings the files to what is durable.
    fn restore(&mut self) -> io::Result<()> {
        (self.open, self.written) = (None, self.durable.clone());
        self.sealed.clear();
        if matches!(self.rule, Rule::Roll { .. }) {
            self.remove_what_does_not_count()?;
        }
        let Some(Counted { file: name, bytes: length, content }) = self.durable.open.clone() else {
            return Ok(());
        };
        let path = self.directory.join(&name);
        let complete = path.with_file_name(complete(&name));
        if !path.exists() && complete.exists() {
            fs::rename(&complete, &path)?;
        }
        if !path.exists() {
            // Somebody took it away: what counts of it is theirs.
            return Ok(());
        }
        if matches!(self.rule, Rule::One(_)) {
            self.open = Some(one_file::resume(&path, length, &mut self.durable, &self.progress_path)?);
            self.written = self.durable.clone();
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(&path)?;
        let there = file.metadata()?.len();
        if there < length {
            return Err(one_file::was_cut(&path, there, length, &self.progress_path));
        }
        file.set_len(length)?;
        self.open = Some(OpenFile::new(name, file, self.rule.compression(), length, content));
        Ok(())
    }

    /// Removes files that were begun after the last flush: their records come again.
    fn remove_what_does_not_count(&self) -> io::Result<()> {
        let counts = self.durable.open.as_ref().map(|open| open.file.as_str());
        let next = self.durable.next.values().max().copied();
        let round = self.durable.round;
        // Before the first flush of all, what is there is somebody else's.
        let next = next.or((round > 0).then_some(0));
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let Some((of_round, first)) = begun(name) else { continue };
            let begun_later = next.is_some_and(|next| (of_round, first) >= (round, next));
            if Some(name) != counts && (name.ends_with(OPEN) || begun_later) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The offset to go on from, if it is known.
    pub(super) fn next(&self, partition: &TopicPartition) -> Option<i64> {
        self.written.next.get(partition).copied()
    }

    /// The partition is of this topic, and not of another that had its name.
    pub(super) fn claim(&mut self, partition: &TopicPartition, id: Uuid) {
        self.written.claim(partition, id);
    }

    /// Takes records of a partition, in order, each as `append` writes it; passes over what is there already, which comes again
    /// after a write that was not answered for.
    pub(super) fn write(
        &mut self,
        from: &TopicPartition,
        records: &[Record],
        append: impl Fn(&mut Vec<u8>, &Record),
    ) -> io::Result<()> {
        let before = self.next(from);
        let mut next = before;
        let mut numbered = records.iter().filter_map(|record| Some((record.origin.as_ref()?.offset, record)));
        let written = numbered.try_for_each(|(offset, record)| {
            if next.is_some_and(|next| offset < next) {
                return Ok(());
            }
            self.put(offset, |out| append(out, record))?;
            next = Some(offset + 1);
            Ok(())
        });
        if let Some(next) = next.filter(|_| next != before) {
            self.written.next.insert(from.clone(), next);
            self.moved.insert(from.clone());
        }
        written
    }

    /// Takes a line, with its end.
    fn put(&mut self, offset: i64, line: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| self.rule.is_full(open.content)) {
            self.seal()?;
        }
        if self.open.is_none() {
            self.open = Some(self.begin(offset)?);
        }
        if let Some(open) = &mut self.open {
            open.content += open.encoder.write(line)? as u64;
        }
        Ok(())
    }

    /// How many files are complete and not yet under their names.
    pub(super) fn sealed(&self) -> usize {
        self.sealed.len()
    }

    /// Writes what is ready to the file, for whoever follows it. Where that fails it is tried again with the next.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let next = |partition: &TopicPartition| {
            let next = self.written.next.get(partition)?;
            Some((partition.topic.to_string(), partition.partition, *next))
        };
        open.drain(|| self.moved.iter().filter_map(next).collect())?;
        self.moved.clear();
        Ok(())
    }

    /// Whether records were written since the last flush, or a file's time is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.written.next != self.durable.next || self.ends_in(now).is_some_and(|left| left.is_zero())
    }

    /// How long until the open file's time is over.
    pub(super) fn ends_in(&self, now: Instant) -> Option<Duration> {
        let Rule::Roll { age, .. } = self.rule else { return None };
        let open = self.open.as_ref()?;
        Some(age.saturating_sub(now.saturating_duration_since(open.begun)))
    }

    /// Writes everything to the files; what is to be done on disk comes back.
    pub(super) fn flush(&mut self, now: Instant) -> io::Result<Flush> {
        if self.ends_in(now).is_some_and(|left| left.is_zero()) {
            self.seal()?;
        }
        if let Some(open) = &mut self.open {
            open.encoder.end()?;
        }
        self.drain()?;
        self.written.open = self.open.as_ref().map(OpenFile::counted);
        let sealed = self.sealed.iter().map(|(file, name)| {
            let path = self.directory.join(name);
            let complete = path.with_file_name(complete(name));
            (Arc::clone(file), path, complete)
        });
        Ok(Flush {
            progress_path: self.progress_path.clone(),
            sealed: sealed.collect(),
            open: self.open.as_ref().map(|open| Arc::clone(&open.file)),
            progress: self.written.clone(),
        })
    }

    /// The flush was carried out.
    pub(super) fn flushed(&mut self) -> io::Result<()> {
        self.sealed.clear();
        self.durable = self.written.clone();
        self.open.as_mut().map_or(Ok(()), OpenFile::synced)
    }

    /// Nothing more is written: what follows in the one file is another's, though the machine should crash.
    pub(super) fn close(mut self) -> io::Result<()> {
        let is_synced =
            self.written.next == self.durable.next && self.open.as_ref().is_none_or(OpenFile::is_empty);
        if !is_synced || self.durable.boot.take().is_none() {
            return Ok(());
        }
        self.durable.write(&self.progress_path)
    }

    /// Ends the open file.
    fn seal(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.encoder.end()?;
        self.drain()?;
        self.sealed.extend(self.open.take().map(|open| (open.file, open.name)));
        Ok(())
    }

    fn begin(&mut self, offset: i64) -> io::Result<OpenFile> {
        let (extension, compression) = match &self.rule {
            Rule::One(name) => return self.begin_one(name.clone()),
            Rule::Roll { extension, compression, .. } => (extension, *compression),
        };
        let round = match self.written.round {
            0 => String::new(),
            round => format!(".{round}"),
        };
        let name = format!("{offset:020}{round}{extension}{}{OPEN}", compression.ending());
        let file = File::create(self.directory.join(&name))?;
        Ok(OpenFile::new(name, file, compression, 0, 0))
    }

    fn begin_one(&mut self, name: String) -> io::Result<OpenFile> {
        let open = one_file::begin(&self.directory.join(&name), name)?;
        // What was there before the first flush is what a crash goes back to.
        self.durable.open = Some(open.counted());
        self.durable.boot = Some(one_file::boot());
        self.written.boot.clone_from(&self.durable.boot);
        self.durable.write(&self.progress_path)?;
        Ok(open)
    }
}

impl Flush {
    /// Waits for the disk.
    pub(super) fn carry_out(self) -> io::Result<()> {
        for (file, path, complete) in &self.sealed {
            file.sync_all()?;
            fs::rename(path, complete)?;
        }
        if let Some(file) = &self.open {
            file.sync_data()?;
        }
        if !self.sealed.is_empty() {
            sync_directory(&self.progress_path)?;
        }
        self.progress.write(&self.progress_path)
    }
}
