use ::rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, LogLevel, Options, WriteBufferManager,
};

use crate::store::{Compression, RocksOptions};

use super::filters::{FilterBudget, PART_OF_MEMTABLE};
use super::load::LoadBudget;

/// Table files that one task's database keeps open.
const OPEN_FILES: i32 = 256;

/// Changelog records that may be written before they are flushed to disk; after a crash at most as many are replayed.
pub const FLUSH_RECORDS: u64 = 1_000_000;

/// Bytes that may be written before they are flushed to disk.
pub const FLUSH_BYTES: u64 = 64 << 20;

/// The memory that all databases of a process share (`state.memory.bytes`).
///
/// One block cache holds blocks, indexes and filters, and the memtables are charged to it, so that the number given is the
/// number used however many tasks there are.
///
/// It also says when a database flushes what it has only in memory.
#[derive(Clone)]
pub struct MemoryBudget {
    cache: Cache,
    write_buffers: WriteBufferManager,
    /// Of one memtable. Half the write-buffer share, so that one can fill while another is being written out.
    memtable_bytes: usize,
    /// What each database may have written without flushing it.
    pub(super) unflushed: Unflushed,
    /// What the filters of memtables may take.
    pub(super) filters: FilterBudget,
    /// What stores may collect that are being restored.
    pub(super) loads: LoadBudget,
}

/// How much a database may hold that a crash of the process would lose, and the changelog would have to give back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unflushed {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl MemoryBudget {
    /// What `state.memory.bytes` is unless it is set.
    pub const DEFAULT_BYTES: usize = 256 << 20;

    /// A budget of `bytes`, half of it at most in memtables.
    pub fn new(bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(bytes);
        let write_share = bytes / 2;
        Self {
            // Stalling writers would stall the stream threads; a memtable that overshoots is flushed at once instead.
            write_buffers: WriteBufferManager::new_write_buffer_manager_with_cache(
                write_share,
                false,
                cache.clone(),
            ),
            filters: FilterBudget::new(write_share),
            loads: LoadBudget::new(write_share, cache.clone(), bytes),
            cache,
            memtable_bytes: write_share / 2,
            unflushed: Unflushed { records: FLUSH_RECORDS, bytes: FLUSH_BYTES },
        }
    }

    /// Other bounds than [`FLUSH_RECORDS`] and [`FLUSH_BYTES`] for what a crash may cost.
    #[must_use]
    pub fn flush_at(mut self, records: u64, bytes: u64) -> Self {
        self.unflushed = Unflushed { records, bytes };
        self
    }

    /// Bytes in use now, by blocks and memtables together.
    pub fn used_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    pub(super) fn database_options(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_atomic_flush(true);
        options.set_write_buffer_manager(&self.write_buffers);
        options.set_max_open_files(OPEN_FILES);
        options.set_log_level(LogLevel::Error);
        options.set_keep_log_file_num(1);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    /// Of one memtable of a store.
    pub(super) fn memtable_bytes(&self, chosen: &RocksOptions) -> usize {
        chosen.write_buffer_bytes.unwrap_or(usize::MAX).min(self.memtable_bytes)
    }

    /// What a column family is made with, its memtables with or without a filter. Blocks, filters and memtables are of this
    /// budget, whatever a store chooses.
    pub(super) fn store_options(&self, chosen: &RocksOptions, is_filtered: bool) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        // In pieces: the filter of a few million keys is larger than a shard of the cache, and would be read anew, whole, for
        // every key that is looked up.
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        table.set_metadata_block_size(4 << 10);
        if chosen.bloom_bits > 0 {
            table.set_bloom_filter(chosen.bloom_bits.into(), false);
        }
        if let Some(bytes) = chosen.block_bytes {
            table.set_block_size(bytes);
        }
        table.set_format_version(5);

        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(self.memtable_bytes(chosen));
        options.set_compression_type(match chosen.compression {
            Compression::None => DBCompressionType::None,
            Compression::Lz4 => DBCompressionType::Lz4,
            Compression::Zstd => DBCompressionType::Zstd,
        });
        if is_filtered {
            options.set_memtable_prefix_bloom_ratio((PART_OF_MEMTABLE as f64).recip());
            options.set_memtable_whole_key_filtering(true);
        }
        if let Some(tune) = chosen.tune {
            tune(&mut options);
        }
        options
    }
}

impl std::fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBudget").field("used_bytes", &self.used_bytes()).finish_non_exhaustive()
    }
}
