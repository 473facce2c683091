//! How RocksDB keeps a store.

#[cfg(feature = "rocksdb")]
use ::rocksdb::Options;

/// What a program may choose of how RocksDB keeps a store on disk (Kafka's `rocksdb.config.setter`, of one store). Whatever is
/// chosen, blocks, filters and memtables count against `state.memory.bytes`, which all stores of the process share.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::store::{Compression, RocksOptions};
///
/// const PAGES: KeyValueStore<String, String> =
///     KeyValueStore::new("pages").rocksdb(RocksOptions::new().compression(Compression::Zstd).block_bytes(32 << 10));
/// # let _ = PAGES;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RocksOptions {
    pub(crate) compression: Compression,
    /// `None`: RocksDB's own, 4 KiB.
    pub(crate) block_bytes: Option<usize>,
    /// 0: no filter.
    pub(crate) bloom_bits: u8,
    /// `None`: half of what all memtables may take.
    pub(crate) write_buffer_bytes: Option<usize>,
    #[cfg(feature = "rocksdb")]
    pub(crate) tune: Option<fn(&mut Options)>,
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all, which costs the least CPU; what Kafka Streams does.
    #[default]
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

impl RocksOptions {
    /// What a store has that says nothing: no compression, blocks of 4 KiB, Bloom filters of 10 bits a key, memtables as large as
    /// `state.memory.bytes` allows.
    pub const fn new() -> Self {
        Self {
            compression: Compression::None,
            block_bytes: None,
            bloom_bits: 10,
            write_buffer_bytes: None,
            #[cfg(feature = "rocksdb")]
            tune: None,
        }
    }

    /// How blocks are compressed from now on; those on disk stay as they are until RocksDB writes them anew.
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Bytes of a block before compression: larger ones compress better and need less index, smaller ones cost less to look
    /// up a key.
    pub const fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = Some(bytes);
        self
    }

    /// Bits of Bloom filter a key. With 10, one look-up in a hundred of a key that is not there reads a block in vain; 0 is no filter,
    /// of memtables neither, for stores that are only scanned.
    pub const fn bloom_bits(mut self, bits: u8) -> Self {
        self.bloom_bits = bits;
        self
    }

    /// Bytes of a memtable, if that is less than what `state.memory.bytes` allows: less to be flushed at a time, in more files.
    pub const fn write_buffer_bytes(mut self, bytes: usize) -> Self {
        self.write_buffer_bytes = Some(bytes);
        self
    }

    /// Anything else, on RocksDB's own options of the store's column family, after all of the above. What is set here is not
    /// checked: a block cache or a write buffer of its own is not counted against `state.memory.bytes`, and a comparator or a
    /// merge operator makes the store unreadable.
    ///
    /// ```
    /// use millstream::store::RocksOptions;
    /// use millstream::store::rocksdb::Options;
    ///
    /// fn level_by_size(options: &mut Options) {
    ///     options.set_level_compaction_dynamic_level_bytes(true);
    /// }
    /// const OPTIONS: RocksOptions = RocksOptions::new().tune(level_by_size);
    /// # let _ = OPTIONS;
    /// ```
    #[cfg(feature = "rocksdb")]
    pub const fn tune(mut self, tune: fn(&mut Options)) -> Self {
        self.tune = Some(tune);
        self
    }

    #[cfg(feature = "rocksdb")]
    fn is_tuned_alike(&self, other: &Self) -> bool {
        match (self.tune, other.tune) {
            (None, None) => true,
            (Some(one), Some(other)) => std::ptr::fn_addr_eq(one, other),
            _ => false,
        }
    }

    #[cfg(not(feature = "rocksdb"))]
    fn is_tuned_alike(&self, _other: &Self) -> bool {
        true
    }
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Two processors may share a store if they say the same of it.
impl PartialEq for RocksOptions {
    fn eq(&self, other: &Self) -> bool {
        let key = |of: &Self| (of.compression, of.block_bytes, of.bloom_bits, of.write_buffer_bytes);
        key(self) == key(other) && self.is_tuned_alike(other)
    }
}

impl Eq for RocksOptions {}
