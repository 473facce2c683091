use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags};
use smallvec::SmallVec;

use super::{Access, Entry, Space, Storage, StoredFile};

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStorage;

impl Storage for DiskStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match access {
            Access::Read => {}
            Access::Write => {
                options.write(true);
            }
            Access::Create => {
                options.write(true).create(true).truncate(true);
            }
        }
        Ok(Arc::new(DiskFile(options.open(path)?)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { total: bytes(found.f_blocks), usable: bytes(found.f_bavail) })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.try_lock()?;
        Ok(Box::new(file))
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl StoredFile for DiskFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.0.read_at(&mut buf[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    #[cfg(target_os = "linux")]
    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let whole = buf.len();
        match rustix::io::preadv2(&self.0, &mut [IoSliceMut::new(buf)], position, ReadWriteFlags::NOWAIT) {
            Ok(read) if read == whole => Ok(read),
            // Cut short by the end of the file, or by a page that is not there.
            Ok(read) if position + read as u64 >= self.len()? => Ok(read),
            Ok(_) | Err(Errno::AGAIN) => Err(io::ErrorKind::WouldBlock.into()),
            // A file system that cannot say, or an error that the other read will tell.
            Err(_) => self.read_at(buf, position),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(buf, position)
    }

    fn write_all_at(&self, parts: &[&[u8]], mut position: u64) -> io::Result<()> {
        let mut slices: SmallVec<[IoSlice<'_>; 4]> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            // The kernel takes at most IOV_MAX parts at once and may take fewer bytes than offered.
            let batch = &rest[..rest.len().min(IOV_MAX)];
            match rustix::io::pwritev(&self.0, batch, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    position += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: the length is metadata that it writes too, the modification time nobody reads.
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn descriptor(&self) -> Option<&File> {
        Some(&self.0)
    }
}

/// Linux's bound on the parts of one vectored write.
const IOV_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn a_read_that_may_not_wait_gives_what_is_cached_to_the_end_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = DiskStorage.open(&dir.path().join("file"), Access::Create).unwrap();
        let content: Vec<u8> = (0..PAGE * 2).map(|at| at as u8).collect();
        file.write_all_at(&[&content], 0).unwrap();
        let mut whole = vec![0; PAGE * 2];
        assert_eq!(file.read_cached(&mut whole, 0).unwrap(), PAGE * 2);
        assert_eq!(whole, content);
        assert_eq!(file.read_cached(&mut whole, PAGE as u64 + 1).unwrap(), PAGE - 1, "cut by the end");
        assert_eq!(file.read_cached(&mut whole, PAGE as u64 * 2).unwrap(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_read_that_may_not_wait_is_refused_where_a_page_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let file = DiskStorage.open(&dir.path().join("file"), Access::Create).unwrap();
        let content: Vec<u8> = (0..PAGE * 64).map(|at| (at / PAGE) as u8).collect();
        file.write_all_at(&[&content], 0).unwrap();
        file.sync().unwrap();
        let descriptor = file.descriptor().unwrap();
        rustix::fs::fadvise(descriptor, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let mut bytes = vec![0; PAGE * 64];
        let Err(refused) = file.read_cached(&mut bytes, 0) else {
            assert_eq!(bytes, content);
            return eprintln!("SKIPPED: a cold read because this file system keeps its pages");
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        file.read_at(&mut bytes, 0).unwrap();
        assert_eq!(file.read_cached(&mut bytes, 0).unwrap(), bytes.len());
        assert_eq!(bytes, content);
    }
}
