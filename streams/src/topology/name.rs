//! Names of topics, as a topology knows them before it has an application id.

use std::fmt;
use std::sync::Arc;

use super::pattern::TopicPattern;

/// A topic that a topology reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicName {
    /// A topic of the user's, by its full name.
    External(Arc<str>),
    /// A repartition or changelog topic: the part of the name after `<application.id>-`.
    Internal(Arc<str>),
    /// Every topic of the user's that matches, now or later.
    Matching(TopicPattern),
}

impl TopicName {
    /// The topic's name in the cluster.
    pub fn resolve(&self, application_id: &str) -> String {
        match self {
            Self::External(name) => name.to_string(),
            Self::Internal(suffix) => format!("{application_id}-{suffix}"),
            Self::Matching(pattern) => pattern.as_str().to_owned(),
        }
    }

    /// Whether the topic of this name in the cluster is meant.
    pub fn covers(&self, topic: &str, application_id: &str) -> bool {
        match self {
            Self::External(name) => **name == *topic,
            Self::Internal(suffix) => {
                let rest = topic.strip_prefix(application_id).and_then(|rest| rest.strip_prefix('-'));
                rest == Some(suffix)
            }
            Self::Matching(pattern) => pattern.matches(topic),
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
            Self::Matching(pattern) => pattern.as_str(),
        }
    }
}

/// What stands behind the application's id in the name of a repartition topic; a name that ends so already stays as it is
/// (Kafka's `KStreamImpl.createRepartitionedSource`).
pub(crate) fn repartition_topic(name: &str) -> String {
    const SUFFIX: &str = "-repartition";
    if name.ends_with(SUFFIX) { name.to_owned() } else { format!("{name}{SUFFIX}") }
}

impl fmt::Display for TopicName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
