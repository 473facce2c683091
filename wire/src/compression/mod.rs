//! The five codecs of a record batch, each as Kafka writes and reads it.
//!
//! What is compressed is the records section of a batch. Decompression always has a bound: the compressed bytes are
//! the sender's claim, and a few kilobytes of them can stand for gigabytes.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::fmt;
use std::str::FromStr;

/// Codec of a record batch; the discriminant is the value of attribute bits 0 to 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks in the framing of `snappy-java` ("xerial"), as Kafka requires.
    Snappy = 2,
    /// LZ4 frames of independent 64 KiB blocks.
    Lz4 = 3,
    /// Zstandard frames.
    Zstd = 4,
}

/// Why bytes could not be compressed or decompressed.
#[derive(Debug, thiserror::Error)]
pub enum CompressionError {
    /// The bytes unfold to more than the caller allows.
    #[error("the decompressed size is over the limit of {max_len} bytes")]
    TooLarge {
        /// The caller's bound in bytes.
        max_len: usize,
    },
    /// The bytes are not what the codec writes.
    #[error("the {codec} bytes are corrupt: {reason}")]
    Corrupt {
        /// The codec that was tried.
        codec: Compression,
        /// What was wrong.
        reason: String,
    },
    /// A codec name or number that Kafka does not have.
    #[error("there is no codec {0:?}; Kafka has none, gzip, snappy, lz4 and zstd")]
    Unknown(String),
}

impl CompressionError {
    fn corrupt(codec: Compression, reason: impl fmt::Display) -> Self {
        Self::Corrupt { codec, reason: reason.to_string() }
    }
}

impl Compression {
    /// All codecs, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec that a batch's attributes name.
    ///
    /// # Errors
    /// [`CompressionError::Unknown`] for the numbers 5 to 7.
    #[inline]
    pub fn from_attributes(attributes: i16) -> Result<Self, CompressionError> {
        let number = usize::from(attributes as u16 & 7);
        Self::ALL.get(number).copied().ok_or_else(|| CompressionError::Unknown(number.to_string()))
    }

    /// The name that Kafka's `compression.type` uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Appends the compressed form of `src` to `dst`. `level` of `None` is Kafka's default for the codec; snappy and
    /// lz4 have one level here and ignore it.
    ///
    /// # Errors
    /// Only when the codec itself fails, for want of memory.
    pub fn compress(self, level: Option<i32>, src: &[u8], dst: &mut Vec<u8>) -> Result<(), CompressionError> {
        match self {
            Self::None => {
                dst.extend_from_slice(src);
                Ok(())
            }
            Self::Gzip => gzip::compress(level, src, dst),
            Self::Snappy => snappy::compress(src, dst),
            Self::Lz4 => lz4::compress(src, dst),
            Self::Zstd => zstd::compress(level, src, dst),
        }
    }

    /// Appends the decompressed form of `src` to `dst`, at most `max_len` bytes of it.
    ///
    /// # Errors
    /// When the bytes are corrupt, or stand for more than `max_len`; `dst` may then hold a part.
    pub fn decompress(self, src: &[u8], max_len: usize, dst: &mut Vec<u8>) -> Result<(), CompressionError> {
        match self {
            Self::None if src.len() > max_len => Err(CompressionError::TooLarge { max_len }),
            Self::None => {
                dst.extend_from_slice(src);
                Ok(())
            }
            Self::Gzip => gzip::decompress(src, max_len, dst),
            Self::Snappy => snappy::decompress(src, max_len, dst),
            Self::Lz4 => lz4::decompress(src, max_len, dst),
            Self::Zstd => zstd::decompress(src, max_len, dst),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| CompressionError::Unknown(name.to_owned()))
    }
}

/// Reads to the end of `reader`, or fails once more than `max_len` bytes have come.
fn read_bounded(
    codec: Compression,
    reader: impl std::io::Read,
    max_len: usize,
    dst: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    use std::io::Read as _;
    let start = dst.len();
    let limit = u64::try_from(max_len).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(dst).map_err(|error| CompressionError::corrupt(codec, error))?;
    if dst.len() - start > max_len {
        return Err(CompressionError::TooLarge { max_len });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(codec: Compression, data: &[u8]) {
        let mut packed = b"before".to_vec();
        codec.compress(None, data, &mut packed).unwrap();
        let mut unpacked = b"kept".to_vec();
        codec.decompress(&packed[6..], data.len(), &mut unpacked).unwrap();
        assert_eq!(&unpacked[..4], b"kept");
        assert_eq!(&unpacked[4..], data, "{codec}");
    }

    #[test]
    fn sizes_around_the_blocks_of_the_framings() {
        for codec in Compression::ALL {
            for len in [0, 1, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000] {
                let text: Vec<u8> = (0..len).map(|i| (i / 7 % 251) as u8).collect();
                round_trip(codec, &text);
                round_trip(codec, &vec![b'x'; len]);
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        let zeros = vec![0u8; 4 << 20];
        for codec in Compression::ALL {
            let mut packed = Vec::new();
            codec.compress(None, &zeros, &mut packed).unwrap();
            let mut out = Vec::new();
            let result = codec.decompress(&packed, 100_000, &mut out);
            assert!(
                matches!(result, Err(CompressionError::TooLarge { max_len: 100_000 })),
                "{codec}: {result:?}"
            );
            assert!(out.capacity() <= 400_000, "{codec} kept {}", out.capacity());
        }
    }

    #[test]
    fn levels_are_accepted_and_clamped() {
        for codec in Compression::ALL {
            for level in [i32::MIN, -5, -1, 0, 1, 9, 22, i32::MAX] {
                let mut packed = Vec::new();
                codec.compress(Some(level), b"to be or not to be or to be", &mut packed).unwrap();
                let mut out = Vec::new();
                codec.decompress(&packed, 100, &mut out).unwrap();
                assert_eq!(out, b"to be or not to be or to be");
            }
        }
    }

    #[test]
    fn names_round_trip() {
        for codec in Compression::ALL {
            assert_eq!(codec.name().parse::<Compression>().unwrap(), codec);
            assert_eq!(Compression::from_attributes(0x78 | codec as i16).unwrap(), codec);
        }
        assert!("brotli".parse::<Compression>().is_err());
        assert!(Compression::from_attributes(5).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn noise_never_panics_and_never_passes_the_bound(noise in prop::collection::vec(any::<u8>(), 0..2_000)) {
            for codec in Compression::ALL {
                let mut out = Vec::new();
                if codec.decompress(&noise, 10_000, &mut out).is_ok() {
                    prop_assert!(out.len() <= 10_000);
                }
            }
        }

        #[test]
        fn a_damaged_block_never_panics(data in prop::collection::vec(any::<u8>(), 1..2_000), at: prop::sample::Index, bit in 0..8u8) {
            for codec in Compression::ALL {
                let mut packed = Vec::new();
                codec.compress(None, &data, &mut packed).unwrap();
                let at = at.index(packed.len());
                packed[at] ^= 1 << bit;
                let _ = codec.decompress(&packed, 10_000, &mut Vec::new());
            }
        }
    }
}
