//! What can be wrong with a configuration.

/// Why a configuration was refused. Every text names the key and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither Kafka nor this broker knows the name.
    #[error("unknown configuration `{name}`{}", nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// The name as it was given.
        name: String,
        /// The known name that is spelt most alike, if any is near.
        nearest: Option<&'static str>,
    },
    /// The value does not fit the name.
    #[error("invalid value `{value}` for `{name}`: {reason}")]
    Invalid {
        /// The configuration's name.
        name: String,
        /// The value as it was given.
        value: String,
        /// What a value must look like.
        reason: String,
    },
    /// A line of a properties file is not `name=value`.
    #[error("line {line} is not `name=value`: `{text}`")]
    Syntax {
        /// Line number, counted from 1.
        line: usize,
        /// The line as it stands in the file.
        text: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        reason: String,
    },
}
