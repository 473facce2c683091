//! Names of topics, as a topology knows them before it has an application id.

use std::fmt;
use std::sync::Arc;

/// A topic that a topology reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicName {
    /// A topic of the user's, by its full name.
    External(Arc<str>),
    /// A repartition or changelog topic: the part of the name after `<application.id>-`.
    Internal(Arc<str>),
}

impl TopicName {
    /// The topic's name in the cluster.
    pub fn resolve(&self, application_id: &str) -> String {
        match self {
            Self::External(name) => name.to_string(),
            Self::Internal(suffix) => format!("{application_id}-{suffix}"),
        }
    }

    /// Whether the application creates and owns it.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Internal(_))
    }

    /// The name without an application id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::External(name) | Self::Internal(name) => name,
        }
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
