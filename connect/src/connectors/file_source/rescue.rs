use std::io;
use std::path::Path;

use super::disk::{Disk, Found, Look};
use super::family::are_related;
use super::identity::{FileId, Print};
use super::mark::Mark;
use super::tailer::Tailer;
use super::tracked::Role;

/// A content that was being read and is not where it was: renamed, copied and truncated, or compressed. It is looked for among
/// the files beside it.
pub(super) struct Orphan {
    id: FileId,
    mark: Mark,
    since_ms: u64,
}

/// How often a directory that changes meanwhile is looked through at once.
const LOOKS: usize = 3;

impl Orphan {
    pub(super) fn new(id: FileId, mark: Mark, since_ms: u64) -> Self {
        Self { id, mark, since_ms }
    }
}

/// What a file has to do with another that is known.
pub(super) enum Kin {
    /// Nothing.
    None,
    /// It is its copy.
    CopyOf(FileId),
    /// It is what the other was before it was truncated.
    GoesOn(Mark),
}

impl<D: Disk> Tailer<D> {
    /// Looks for the contents that are not where they were.
    pub(super) fn resolve(&mut self, now_ms: u64) {
        for orphan in std::mem::take(&mut self.orphans) {
            if self.find(&orphan, now_ms) {
                self.bury(orphan.id);
            } else if now_ms.saturating_sub(orphan.since_ms) < self.settings.rotate_wait_ms {
                self.orphans.push(orphan);
            } else {
                tracing::debug!(
                    path = orphan.mark.path,
                    position = orphan.mark.position,
                    "what followed is not to be found"
                );
                self.bury(orphan.id);
            }
        }
    }

    /// Goes on with a content elsewhere. Returns whether it was found.
    fn find(&mut self, orphan: &Orphan, now_ms: u64) -> bool {
        // Where nothing was read there is nothing to go on from, and no content to know it by.
        if !orphan.mark.proves() {
            return true;
        }
        for _ in 0..LOOKS {
            if let Some(is_found) = self.look_around(orphan, now_ms) {
                return is_found;
            }
        }
        false
    }

    /// Looks for a content among the files beside where it was. `None`: some of them went away meanwhile, or were compressed.
    fn look_around(&mut self, orphan: &Orphan, now_ms: u64) -> Option<bool> {
        let path = Path::new(&orphan.mark.path);
        let mut has_gone = false;
        for found in self.disk.siblings(path) {
            let is_related = are_related(path, &found.path) && found.path != path;
            let may_be = found.look.id == orphan.id || is_related;
            let is_read = self.files.get(&found.look.id).is_some_and(|one| one.role == Role::Read);
            if !may_be || is_read || found.look.size < orphan.mark.position {
                continue;
            }
            let Some(mut file) = self.open(&found) else {
                has_gone = true;
                continue;
            };
            if orphan.mark.fits(&mut self.disk, &mut file).unwrap_or(false) {
                let tracked = self.track(&found, file, orphan.mark.clone(), now_ms);
                tracked.is_moved = true;
                // Nobody writes to a copy.
                tracked.is_replaced = found.look.id != orphan.id;
                return Some(true);
            }
        }
        (!has_gone).then_some(false)
    }

    /// What a file has to do with those that are known: `logrotate` copies before it truncates, and the user's patterns may name
    /// the copy.
    ///
    /// # Errors
    /// They cannot be compared, which a file in the making cannot.
    pub(super) fn kin(&mut self, found: &Found, file: &mut D::File, now_ms: u64) -> io::Result<Kin> {
        let related = self.files.iter().filter(|(id, one)| {
            let is_related = |path| are_related(path, &found.path);
            let names_are = is_related(&one.path) || is_related(Path::new(&*one.label));
            **id != found.look.id && one.role == Role::Read && names_are
        });
        let related: Vec<FileId> = related.map(|(id, _)| *id).collect();
        for id in related {
            let is_open = self.reopen(id);
            let Some(original) = self.files.get_mut(&id) else { continue };
            if !is_open && original.mark.proves() && original.mark.fits(&mut self.disk, file)? {
                let mark = original.mark.clone();
                self.forget(id);
                return Ok(Kin::GoesOn(mark));
            }
            let Some(original_file) = original.file.as_mut() else { continue };
            if is_same(&mut self.disk, original_file, found.look, file)? {
                return Ok(Kin::CopyOf(id));
            }
            // It may have been truncated just now: then the copy is what it was.
            if !original.mark.fits(&mut self.disk, original_file)? {
                let mark = original.mark.clone();
                let goes_on_here = mark.proves() && mark.fits(&mut self.disk, file)?;
                self.rewritten(id, goes_on_here, now_ms);
                if goes_on_here {
                    return Ok(Kin::GoesOn(mark));
                }
            }
        }
        Ok(Kin::None)
    }

    /// The original of copies is no more, or not what it was: they are read on from where it was. Returns whether there are any.
    pub(super) fn release_copies(&mut self, of: FileId, mark: &Mark) -> bool {
        let copies = self.copies(|original| original == of);
        for id in &copies {
            let Some(copy) = self.files.get_mut(id) else { continue };
            copy.go_on_as(mark.clone());
            self.tell(*id, Some(mark.clone()));
        }
        !copies.is_empty()
    }

    /// A copy that was written to since may have become a file of its own.
    pub(super) fn recheck_copies(&mut self, now_ms: u64) {
        for id in self.copies(|_| true) {
            let Some(copy) = self.files.get(&id) else { continue };
            let look = match &copy.file {
                Some(file) => self.disk.look(file),
                None => self.disk.look_by_name(&copy.path),
            };
            let Ok(look) = look else { continue };
            if look.id != id || look.state() == copy.look.state() {
                continue;
            }
            let Some(copy) = self.files.remove(&id) else { continue };
            self.decide(&Found { path: copy.path, look }, now_ms);
        }
    }

    fn copies(&self, of: impl Fn(FileId) -> bool) -> Vec<FileId> {
        let is_copy = |role| matches!(role, Role::CopyOf(original) if of(original));
        self.files.iter().filter(|(_, one)| is_copy(one.role)).map(|(id, _)| *id).collect()
    }
}

/// Whether two files have the same content as far as both go, by their first bytes and the last that both have. Short ones never
/// count as the same: two programs may well begin alike.
fn is_same<D: Disk>(
    disk: &mut D,
    original: &mut D::File,
    copy_look: Look,
    copy: &mut D::File,
) -> io::Result<bool> {
    let size = disk.look(original)?.size.min(copy_look.size);
    if size < Print::HEAD || size == u64::MAX {
        return Ok(false);
    }
    let mut equal = |at, bytes| {
        io::Result::Ok(Print::at(disk, original, at, bytes)? == Print::at(disk, copy, at, bytes)?)
    };
    Ok(equal(0, Print::HEAD)? && equal(size - Print::TAIL, Print::TAIL)?)
}
