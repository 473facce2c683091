//! What a producer can be told.

use std::time::Duration;

use millstream_wire::compression::Compression;

use crate::config::parse::{
    INT, LONG, POSITIVE, boolean, count_in, int_in, list, millis, millis_in, optional,
};
use crate::config::{Configured, Key, set};
use crate::{ClientConfig, ConfigError, Producer, Result};

/// Which replicas must have a batch before it counts as written (`acks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// `0`: not even the leader is waited for; offsets stay unknown.
    None,
    /// `1`: the leader has it.
    Leader,
    /// `all`: every in-sync replica has it, and on a Millstream broker with `durability=sync` the disk.
    All,
}

impl Acks {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// The default of `delivery.timeout.ms`.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// The configuration of a [`Producer`], built up and then [`built`](Self::build). Defaults are Kafka's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProducerConfig {
    /// What every client has.
    pub client: ClientConfig,
    /// `acks` (all).
    pub acks: Acks,
    /// `enable.idempotence`: retries write no duplicate and keep the order. `None`: on, unless `acks` forbids it.
    pub idempotence: Option<bool>,
    /// `batch.size` (16 KiB): a batch is sent when it has this many bytes.
    pub batch_size: usize,
    /// `linger.ms` (5 ms): a batch is sent when it is this old.
    pub linger: Duration,
    /// `buffer.memory` (32 MiB): memory for batches that are not acknowledged; senders wait beyond it.
    pub buffer_memory: usize,
    /// `max.block.ms` (60 s): how long a sender waits for memory or metadata.
    pub max_block: Duration,
    /// `delivery.timeout.ms` (120 s, or `linger.ms` and `request.timeout.ms` if those are longer): a record is written, or has failed, this long after it was sent.
    pub delivery_timeout: Duration,
    /// `max.request.size` (1 MiB): the longest record, and the most that one request carries.
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection` (5).
    pub max_in_flight: usize,
    /// `retries` (i32::MAX); `delivery.timeout.ms` is the better limit.
    pub retries: u32,
    /// `compression.type` (none).
    pub compression: Compression,
    /// `compression.{gzip,lz4,zstd}.level`; `None` is the codec's default in Kafka.
    pub compression_levels: CompressionLevels,
    /// `partitioner.ignore.keys` (false): keyed records are spread like those without a key.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable` (true): partitions whose batches queue up get fewer records.
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms` (0: never): a broker that takes nothing for so long gets no records without a
    /// key while another partition is there.
    pub availability_timeout: Duration,
    /// Whether [`Deliveries::rejected`](crate::Deliveries::rejected) tells what was not written. Kafka has no name for it.
    pub keep_rejected: bool,
}

/// A level per codec that has levels.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompressionLevels {
    gzip: Option<i32>,
    lz4: Option<i32>,
    zstd: Option<i32>,
}

impl CompressionLevels {
    pub(crate) fn of(&self, codec: Compression) -> Option<i32> {
        match codec {
            Compression::Gzip => self.gzip,
            Compression::Lz4 => self.lz4,
            Compression::Zstd => self.zstd,
            Compression::None | Compression::Snappy => None,
        }
    }
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            acks: Acks::All,
            idempotence: None,
            batch_size: 16 << 10,
            linger: Duration::from_millis(5),
            buffer_memory: 32 << 20,
            max_block: Duration::from_secs(60),
            delivery_timeout: DELIVERY_TIMEOUT,
            max_request_size: 1 << 20,
            max_in_flight: MAX_IN_FLIGHT_IDEMPOTENT,
            retries: i32::MAX as u32,
            compression: Compression::None,
            compression_levels: CompressionLevels::default(),
            ignore_keys: false,
            adaptive_partitioning: true,
            availability_timeout: Duration::ZERO,
            keep_rejected: false,
        }
    }
}

/// A broker remembers this many batches per producer and partition to tell a duplicate.
const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

impl ProducerConfig {
    /// Kafka's defaults and no broker yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `bootstrap.servers`, comma-separated.
    #[must_use]
    pub fn bootstrap(mut self, servers: &str) -> Self {
        self.client.bootstrap_servers = list(servers);
        self
    }

    /// `client.id`.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client.client_id = id.into();
        self
    }

    /// `acks`.
    #[must_use]
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// `enable.idempotence`.
    #[must_use]
    pub fn idempotence(mut self, on: bool) -> Self {
        self.idempotence = Some(on);
        self
    }

    /// `batch.size`, bytes.
    #[must_use]
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.batch_size = bytes;
        self
    }

    /// `linger.ms`.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// `buffer.memory`, bytes.
    #[must_use]
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// `compression.type`.
    #[must_use]
    pub fn compression(mut self, codec: Compression) -> Self {
        self.compression = codec;
        self
    }

    /// `delivery.timeout.ms`.
    #[must_use]
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Any setting by its name in Kafka.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the nearest known name, or [`ConfigError::Invalid`].
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.apply(name, value)?;
        Ok(self)
    }

    /// Starts the producer on the tokio runtime of the caller, or on one of its own where there is none.
    ///
    /// # Errors
    /// A configuration that cannot work. Brokers that cannot be reached show at the first send.
    pub async fn build(self) -> Result<Producer> {
        self.build_blocking()
    }

    /// As [`Self::build`], for plain threads.
    ///
    /// # Errors
    /// A configuration that cannot work.
    pub fn build_blocking(mut self) -> Result<Producer> {
        self.resolve()?;
        Producer::start(self)
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotence == Some(true)
    }

    /// Decides what was left open and refuses what cannot be, as `org.apache.kafka.clients.producer.ProducerConfig`.
    fn resolve(&mut self) -> Result<(), ConfigError> {
        let conflict = |text: &str| Err(ConfigError::Conflict(text.to_owned()));
        let possible =
            self.acks == Acks::All && self.max_in_flight <= MAX_IN_FLIGHT_IDEMPOTENT && self.retries > 0;
        match self.idempotence {
            None => self.idempotence = Some(possible),
            Some(true) if !possible => {
                return conflict(
                    "enable.idempotence=true needs acks=all, retries above 0 and \
                     max.in.flight.requests.per.connection of 5 or less",
                );
            }
            Some(_) => {}
        }
        let least = self.linger.saturating_add(self.client.request_timeout);
        if self.delivery_timeout < least {
            if self.delivery_timeout != DELIVERY_TIMEOUT {
                return conflict("delivery.timeout.ms must be at least linger.ms + request.timeout.ms");
            }
            // Nobody asked for the default.
            self.delivery_timeout = least;
        }
        if self.max_in_flight == 0 || self.batch_size > self.buffer_memory {
            return conflict(
                "max.in.flight.requests.per.connection must be 1 or more, batch.size at most buffer.memory",
            );
        }
        if self.buffer_memory > u32::MAX as usize {
            return conflict("buffer.memory must be below 4 GiB");
        }
        Ok(())
    }
}

fn acks(text: &str) -> Result<Acks, String> {
    match text.trim() {
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        "all" | "-1" => Ok(Acks::All),
        _ => Err("expected 0, 1 or all".to_owned()),
    }
}

fn codec(text: &str) -> Result<Compression, String> {
    text.trim().parse().map_err(|_| "expected none, gzip, snappy, lz4 or zstd".to_owned())
}

fn retries(text: &str) -> Result<u32, String> {
    int_in(text, 0..=i32::MAX).map(i32::unsigned_abs)
}

/// 1 to 9, and -1 for zlib's default.
fn gzip_level(text: &str) -> Result<i32, String> {
    let level = int_in(text, -1..=9)?;
    if level == 0 {
        Err("expected a whole number from 1 to 9, or -1 for the default".to_owned())
    } else {
        Ok(level)
    }
}

fn no_transactions(text: &str) -> Result<(), String> {
    match optional(text) {
        None => Ok(()),
        Some(_) => Err("transactions are not supported yet; leave it unset".to_owned()),
    }
}

fn default_partitioner(text: &str) -> Result<(), String> {
    match optional(text) {
        None => Ok(()),
        Some(_) => Err("a Java class cannot be used; choose the partition of each record instead".to_owned()),
    }
}

impl Configured for ProducerConfig {
    const KEYS: &'static [Key<Self>] = &[
        Key { name: "acks", set: |c, v| set(&mut c.acks, acks(v)) },
        Key { name: "enable.idempotence", set: |c, v| set(&mut c.idempotence, boolean(v).map(Some)) },
        Key { name: "batch.size", set: |c, v| set(&mut c.batch_size, count_in(v, INT)) },
        Key { name: "linger.ms", set: |c, v| set(&mut c.linger, millis(v)) },
        Key { name: "buffer.memory", set: |c, v| set(&mut c.buffer_memory, count_in(v, LONG)) },
        Key { name: "max.block.ms", set: |c, v| set(&mut c.max_block, millis(v)) },
        Key { name: "delivery.timeout.ms", set: |c, v| set(&mut c.delivery_timeout, millis_in(v, INT)) },
        Key { name: "max.request.size", set: |c, v| set(&mut c.max_request_size, count_in(v, INT)) },
        Key {
            name: "max.in.flight.requests.per.connection",
            set: |c, v| set(&mut c.max_in_flight, count_in(v, POSITIVE)),
        },
        Key { name: "retries", set: |c, v| set(&mut c.retries, retries(v)) },
        Key { name: "compression.type", set: |c, v| set(&mut c.compression, codec(v)) },
        Key {
            name: "compression.gzip.level",
            set: |c, v| set(&mut c.compression_levels.gzip, gzip_level(v).map(Some)),
        },
        Key {
            name: "compression.lz4.level",
            set: |c, v| set(&mut c.compression_levels.lz4, int_in(v, 1..=17).map(Some)),
        },
        Key {
            name: "compression.zstd.level",
            set: |c, v| set(&mut c.compression_levels.zstd, int_in(v, -131_072..=22).map(Some)),
        },
        Key { name: "partitioner.ignore.keys", set: |c, v| set(&mut c.ignore_keys, boolean(v)) },
        Key {
            name: "partitioner.adaptive.partitioning.enable",
            set: |c, v| set(&mut c.adaptive_partitioning, boolean(v)),
        },
        Key {
            name: "partitioner.availability.timeout.ms",
            set: |c, v| set(&mut c.availability_timeout, millis(v)),
        },
        Key { name: "transactional.id", set: |_, v| no_transactions(v) },
        Key { name: "partitioner.class", set: |_, v| default_partitioner(v) },
    ];

    fn client(&mut self) -> &mut ClientConfig {
        &mut self.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(config: ProducerConfig) -> Result<ProducerConfig, ConfigError> {
        let mut config = config;
        config.resolve().map(|()| config)
    }

    #[test]
    fn idempotence_is_on_unless_acks_forbids_it() {
        assert!(resolved(ProducerConfig::new()).unwrap().is_idempotent());
        assert!(!resolved(ProducerConfig::new().acks(Acks::Leader)).unwrap().is_idempotent());
        assert!(resolved(ProducerConfig::new().acks(Acks::Leader).idempotence(true)).is_err());
    }

    #[test]
    fn every_name_sets_its_own_field() {
        let config = ProducerConfig::new()
            .set("linger.ms", "7")
            .and_then(|c| c.set("compression.type", "lz4"))
            .and_then(|c| c.set("compression.lz4.level", "3"))
            .and_then(|c| c.set("bootstrap.servers", "a:1, b:2"))
            .unwrap();
        assert_eq!(config.linger, Duration::from_millis(7));
        assert_eq!(config.compression_levels.of(config.compression), Some(3));
        assert_eq!(config.client.bootstrap_servers, ["a:1", "b:2"]);
    }
}
