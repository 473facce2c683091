//! The topics that an application owns: how many partitions each needs, and with which configuration. Pure; the shell asks the
//! cluster what there is and creates what is missing.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::topology::{Subtopology, TopicName, Topology};

/// Configurations of a repartition topic, as Kafka's `RepartitionTopicConfig` has them: small segments, because what was read is
/// deleted, and nothing expires unread.
const REPARTITION: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("segment.bytes", "52428800"),
    ("retention.ms", "-1"),
    ("message.timestamp.type", "CreateTime"),
];

/// Configurations of a key-value store's changelog (`UnwindowedUnversionedChangelogTopicConfig`).
const CHANGELOG: [(&str, &str); 2] =
    [("cleanup.policy", "compact"), ("message.timestamp.type", "CreateTime")];

/// A topic that the application creates and owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InternalTopic {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) configs: &'static [(&'static str, &'static str)],
}

/// Why a topology does not fit the topics there are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// A source topic does not exist.
    #[error(
        "source topic {topic} does not exist: create it with the number of partitions you want, then start again"
    )]
    MissingSource {
        /// Its name.
        topic: String,
    },
    /// Topics that are joined differ in their partitions.
    #[error(
        "{topics:?} meet in one task but have {partitions:?} partitions: equal keys must have equal partitions, so repartition one of them"
    )]
    NotCopartitioned {
        /// Their names.
        topics: Vec<String>,
        /// Their partitions, in the same order.
        partitions: Vec<i32>,
    },
    /// An internal topic exists, with another number of partitions than the topology has tasks.
    #[error(
        "internal topic {topic} has {found} partitions, the topology needs {needed}: a source topic was given more partitions; state and topic must be reset together"
    )]
    WrongPartitions {
        /// Its name.
        topic: String,
        /// What there is.
        found: i32,
        /// What is needed.
        needed: i32,
    },
    /// A repartition topic is read that nothing writes.
    #[error("nothing determines the number of partitions of {topic}")]
    Undetermined {
        /// Its name.
        topic: String,
    },
}

/// Derives every internal topic from the partitions of the external sources; in the order of their names.
pub(crate) fn plan(
    topology: &Topology,
    application_id: &str,
    partitions: impl Fn(&str) -> Option<i32>,
) -> Result<Vec<InternalTopic>, TopicError> {
    let parts = topology.subtopologies();
    let mut known = external_sources(parts, partitions)?;
    let wanted = parts.iter().flat_map(|part| &part.sources);
    known.extend(wanted.filter_map(|topic| Some((topic.clone(), topology.wanted_partitions(topic)? as i32))));
    settle_repartitions(parts, &mut known)?;
    check_copartitions(parts, &known)?;
    let tasks: Vec<i32> = parts.iter().map(|part| tasks_of(part, &known).unwrap_or(0)).collect();

    let mut internal = BTreeMap::new();
    let sources = parts.iter().flat_map(|part| &part.sources).filter(|topic| topic.is_internal());
    for topic in sources {
        internal.insert(topic.resolve(application_id), (known[topic], REPARTITION.as_slice()));
    }
    for (part, tasks) in parts.iter().zip(&tasks) {
        for changelog in part.stores.iter().filter_map(|store| store.changelog.as_ref()) {
            internal.insert(changelog.resolve(application_id), (*tasks, CHANGELOG.as_slice()));
        }
    }
    let internal = internal.into_iter();
    Ok(internal.map(|(name, (partitions, configs))| InternalTopic { name, partitions, configs }).collect())
}

type Known = BTreeMap<TopicName, i32>;

fn external_sources(
    parts: &[Subtopology],
    partitions: impl Fn(&str) -> Option<i32>,
) -> Result<Known, TopicError> {
    let mut known = Known::new();
    for topic in parts.iter().flat_map(|part| &part.sources).filter(|topic| !topic.is_internal()) {
        let missing = || TopicError::MissingSource { topic: topic.to_string() };
        known.insert(topic.clone(), partitions(topic.as_str()).ok_or_else(missing)?);
    }
    Ok(known)
}

/// A repartition topic of which the program does not say otherwise has as many partitions as the widest sub-topology that writes it has tasks. One may depend on another,
/// so this goes round until nothing new is learnt.
fn settle_repartitions(parts: &[Subtopology], known: &mut Known) -> Result<(), TopicError> {
    let mut unsettled: Vec<&TopicName> = parts.iter().flat_map(|part| &part.sources).collect();
    loop {
        unsettled.retain(|topic| !known.contains_key(*topic));
        let Some(stuck) = unsettled.first() else { return Ok(()) };
        let before = known.len();
        for topic in &unsettled {
            let mut writers = parts.iter().filter(|part| part.sinks.contains(topic)).peekable();
            if writers.peek().is_none() {
                continue;
            }
            let widths: Option<Vec<i32>> = writers.map(|part| tasks_of(part, known)).collect();
            if let Some(width) = widths.and_then(|widths| widths.into_iter().max()) {
                known.insert((*topic).clone(), width);
            }
        }
        if known.len() == before {
            return Err(TopicError::Undetermined { topic: stuck.to_string() });
        }
    }
}

/// The partitions of the widest topic that it reads; `None` while one of them is unknown.
fn tasks_of(part: &Subtopology, known: &Known) -> Option<i32> {
    let partitions: Option<Vec<i32>> = part.sources.iter().map(|topic| known.get(topic).copied()).collect();
    partitions?.into_iter().max()
}

fn check_copartitions(parts: &[Subtopology], known: &Known) -> Result<(), TopicError> {
    for group in parts.iter().flat_map(|part| &part.copartitions) {
        let partitions: Vec<i32> = group.0.iter().filter_map(|topic| known.get(topic).copied()).collect();
        if partitions.iter().any(|count| *count != partitions[0]) {
            let topics = group.0.iter().map(ToString::to_string).collect();
            return Err(TopicError::NotCopartitioned { topics, partitions });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[test]
    fn a_repartition_topic_has_the_partitions_that_the_program_says() {
        const IN: Topic<String, String> = Topic::new("in");
        let builder = StreamsBuilder::new();
        let wide = builder.stream(IN).repartition(Repartitioned::from("wide").partitions(12));
        let _counts = wide.select_key(|_, text| text.clone()).group_by_key().count("counts");
        let topology = builder.build().unwrap();
        let planned = plan(&topology, "app", |_| Some(3)).unwrap();
        let partitions: Vec<_> = planned.iter().map(|topic| (&*topic.name, topic.partitions)).collect();
        let expected =
            [("app-counts-changelog", 12), ("app-counts-repartition", 12), ("app-wide-repartition", 12)];
        assert_eq!(partitions, expected);
    }
}
