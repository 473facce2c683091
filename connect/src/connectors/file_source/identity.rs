use std::io;

use super::disk::Disk;

/// Which file, for as long as it is open somewhere or linked: a freed inode is given to the next file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// So many bytes of a file, by their hash. Bytes alone tell a file from the next one with its inode, and a copy from another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

impl Print {
    /// How much of the beginning of a file is compared.
    pub(super) const HEAD: u64 = 256;
    /// How much before a position is compared: a file that was truncated and has grown past it again has other bytes there.
    pub(super) const TAIL: u64 = 64;

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, hash: fnv1a(bytes) }
    }

    /// Of what stands at an offset of a file. Shorter where the file is.
    pub(super) fn at<D: Disk>(disk: &mut D, file: &mut D::File, at: u64, bytes: u64) -> io::Result<Self> {
        let mut buffer = [0; Self::HEAD as usize];
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        let read = disk.read_at(file, at, &mut buffer[..wanted])?;
        Ok(Self::of(&buffer[..read]))
    }

    /// As positions have it: `256:cbf29ce484222325`.
    pub(super) fn text(self) -> String {
        format!("{}:{:016x}", self.bytes, self.hash)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (bytes, hash) = text.split_once(':')?;
        let bytes = bytes.parse().ok().filter(|bytes| *bytes <= Self::HEAD)?;
        Some(Self { bytes, hash: u64::from_str_radix(hash, 16).ok()? })
    }
}

impl Default for Print {
    /// Of nothing.
    fn default() -> Self {
        Self::of(&[])
    }
}

/// FNV-1a of 64 bits: stored positions outlive this program's release, so the hash is one that never changes.
fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_on(0xcbf2_9ce4_8422_2325, bytes)
}

/// The hash of what was hashed before and of `bytes` behind it.
pub(super) fn fnv1a_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // From the tables of the FNV authors' test suite.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_print_is_read_back_as_it_was_written() {
        let print = Print::of(b"a line\n");
        assert_eq!(Print::parse(&print.text()), Some(print));
        for wrong in ["", "7", "x:1", "7:xyz", "4096:0"] {
            assert_eq!(Print::parse(wrong), None, "{wrong}");
        }
    }
}
