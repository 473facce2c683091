//! Why a broker did not start or stop.

use std::io;

use crate::config::ConfigError;

/// What keeps a broker from starting. Every text names the thing to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The configuration does not hold together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A log cannot be opened.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// A topic's logs cannot be opened.
    #[error("topic {topic}: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The metadata log holds something that this version does not understand.
    #[error("the metadata log is damaged at offset {offset}: {reason}")]
    Metadata {
        /// Offset of the record.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}: choose another with listeners=PLAINTEXT://host:port")]
    Listen {
        /// The address as configured.
        address: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// No temporary directory can be made.
    #[error("cannot make a temporary directory: {0}: set TMPDIR to one that this user may write to")]
    Temporary(io::Error),
    /// The threads of the broker cannot be started.
    #[error("cannot start the broker's threads: {0}")]
    Runtime(io::Error),
    /// The broker's thread has ended.
    #[error("the broker has stopped; its log says why")]
    Stopped,
}
