//! The topics that an application owns: how many partitions each needs, and with which configuration. Pure; the shell asks the
//! cluster what there is and creates what is missing.

use std::borrow::Borrow;
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

/// Configurations of a window store's changelog (`WindowedChangelogTopicConfig`): what has expired goes even if no record takes
/// its place.
const WINDOW_CHANGELOG: [(&str, &str); 2] =
    [("cleanup.policy", "compact,delete"), ("message.timestamp.type", "CreateTime")];

/// A topic that the application creates and owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InternalTopic {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) configs: &'static [(&'static str, &'static str)],
    /// What the program says of this topic alone.
    pub(crate) own_configs: &'static [(&'static str, &'static str)],
    /// How long (ms) the store behind a window changelog keeps its windows.
    pub(crate) retention_ms: Option<i64>,
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
    /// The dead-letter topic does not exist.
    #[error(
        "dead-letter topic {topic} does not exist: create it, with the retention that dead letters are worth to you, then start again"
    )]
    MissingDeadLetters {
        /// Its name.
        topic: String,
    },
    /// No topic matches a pattern yet, so that nothing says how wide the topics of the application must be.
    #[error(
        "no topic matches {pattern:?}: create one, then start again, for the topics that the application makes get its number of partitions"
    )]
    NothingMatches {
        /// The pattern.
        pattern: String,
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

/// The partitions of a source of the user's, by what the cluster has; of a pattern, the widest topic that matches so far.
pub(crate) fn partitions_of<N: Ord + Borrow<str>>(
    source: &TopicName,
    existing: &BTreeMap<N, i32>,
) -> Option<i32> {
    let TopicName::Matching(pattern) = source else { return existing.get(source.as_str()).copied() };
    let matching = existing.iter().filter(|(name, _)| pattern.matches((*name).borrow()));
    Some(matching.map(|(_, partitions)| *partitions).max().unwrap_or(0))
}

/// Derives every internal topic from the partitions of the external sources; in the order of their names.
pub(crate) fn plan(
    topology: &Topology,
    application_id: &str,
    partitions: impl Fn(&TopicName) -> Option<i32>,
) -> Result<Vec<InternalTopic>, TopicError> {
    let parts = topology.subtopologies();
    let known = settle(topology, partitions)?;
    let tasks: Vec<i32> = parts.iter().map(|part| tasks_of(part, &known).unwrap_or(0)).collect();

    let mut internal = BTreeMap::new();
    let sources = parts.iter().flat_map(|part| &part.sources).filter(|topic| topic.is_internal());
    for topic in sources {
        internal.insert(
            topic.resolve(application_id),
            (known[topic], REPARTITION.as_slice(), [].as_slice(), None),
        );
    }
    for (part, tasks) in parts.iter().zip(&tasks) {
        for store in &part.stores {
            let owned = store.changelog.as_ref().filter(|_| !store.changelog_is_source);
            let Some(changelog) = owned else { continue };
            let configs = if store.windows.is_some() { &WINDOW_CHANGELOG } else { &CHANGELOG };
            let retention_ms = store.windows.map(|windows| windows.retention_ms);
            let own = store.changelog_configs;
            internal
                .insert(changelog.resolve(application_id), (*tasks, configs.as_slice(), own, retention_ms));
        }
    }
    let unmatched = |topic: &&TopicName| matches!(topic, TopicName::Matching(_)) && known[*topic] == 0;
    if internal.values().any(|(partitions, ..)| *partitions == 0) {
        let pattern = parts.iter().flat_map(|part| &part.sources).find(unmatched);
        return Err(TopicError::NothingMatches {
            pattern: pattern.map(TopicName::to_string).unwrap_or_default(),
        });
    }
    let internal = internal.into_iter();
    let topic = |(name, (partitions, configs, own_configs, retention_ms))| InternalTopic {
        name,
        partitions,
        configs,
        own_configs,
        retention_ms,
    };
    Ok(internal.map(topic).collect())
}

/// How many partitions each topic has that tasks read, the repartition topics among them.
pub(crate) fn settle(
    topology: &Topology,
    partitions: impl Fn(&TopicName) -> Option<i32>,
) -> Result<Known, TopicError> {
    let parts = topology.subtopologies();
    let mut known = external_sources(parts, &partitions)?;
    let wanted = parts.iter().flat_map(|part| &part.sources);
    known.extend(wanted.filter_map(|topic| Some((topic.clone(), topology.wanted_partitions(topic)? as i32))));
    settle_repartitions(parts, &mut known)?;
    check_copartitions(parts, &known)?;
    Ok(known)
}

/// Whether the topics of the global tables exist.
pub(crate) fn check_globals(
    topology: &Topology,
    partitions: impl Fn(&TopicName) -> Option<i32>,
) -> Result<(), TopicError> {
    external_sources(topology.globals(), partitions).map(drop)
}

/// Whether an internal topic that was `found` with so many partitions is the one that is needed.
pub(crate) fn check(topic: &InternalTopic, found: i32) -> Result<(), TopicError> {
    if found == topic.partitions {
        return Ok(());
    }
    Err(TopicError::WrongPartitions { topic: topic.name.clone(), found, needed: topic.partitions })
}

/// Partitions of the topics that tasks read.
pub(crate) type Known = BTreeMap<TopicName, i32>;

fn external_sources(
    parts: &[Subtopology],
    partitions: impl Fn(&TopicName) -> Option<i32>,
) -> Result<Known, TopicError> {
    let mut known = Known::new();
    for topic in parts.iter().flat_map(|part| &part.sources).filter(|topic| !topic.is_internal()) {
        let missing = || TopicError::MissingSource { topic: topic.to_string() };
        known.insert(topic.clone(), partitions(topic).ok_or_else(missing)?);
    }
    Ok(known)
}

/// A repartition topic of which the program does not say otherwise has as many partitions as the topics it is joined with; where
/// those are repartition topics too, all have as many as the widest would have alone. Alone it has as many as the widest
/// sub-topology that writes it has tasks. One may depend on another, so this goes round until nothing new is learnt; what then
/// depends on itself, because a sub-topology writes and reads it, follows from the other topics that are read there.
fn settle_repartitions(parts: &[Subtopology], known: &mut Known) -> Result<(), TopicError> {
    let mut unsettled: Vec<&TopicName> = parts.iter().flat_map(|part| &part.sources).collect();
    loop {
        unsettled.retain(|topic| !known.contains_key(*topic));
        let Some(stuck) = unsettled.first() else { return Ok(()) };
        let before = known.len();
        for topic in &unsettled {
            settle_repartition(parts, topic, known, tasks_of);
        }
        if known.len() == before {
            unsettled.iter().find(|topic| settle_repartition(parts, topic, known, tasks_of_known));
        }
        if known.len() == before {
            return Err(TopicError::Undetermined { topic: stuck.to_string() });
        }
    }
}

/// Learns how many partitions `topic` and those that it is joined with have, if what they depend on is known; `tasks` says how
/// many tasks a sub-topology has. Returns whether it was learnt.
fn settle_repartition(
    parts: &[Subtopology],
    topic: &TopicName,
    known: &mut Known,
    tasks: fn(&Subtopology, &Known) -> Option<i32>,
) -> bool {
    let joined = joined_with(parts, topic);
    let settled = joined.iter().find_map(|topic| known.get(*topic).copied());
    let alone =
        || joined.iter().map(|topic| width_alone(parts, topic, known, tasks)).collect::<Option<Vec<_>>>();
    let Some(width) = settled.or_else(|| alone()?.into_iter().max()) else { return false };
    for topic in joined {
        known.entry(topic.clone()).or_insert(width);
    }
    true
}

/// The topics that must have as many partitions as `topic`, itself among them.
fn joined_with<'a>(parts: &'a [Subtopology], topic: &'a TopicName) -> Vec<&'a TopicName> {
    let group = parts.iter().flat_map(|part| &part.copartitions).find(|group| group.0.contains(topic));
    group.map_or_else(|| vec![topic], |group| group.0.iter().collect())
}

/// The tasks of the widest sub-topology that writes `topic`; `None` while one of them is not known, or where nothing writes it.
fn width_alone(
    parts: &[Subtopology],
    topic: &TopicName,
    known: &Known,
    tasks: fn(&Subtopology, &Known) -> Option<i32>,
) -> Option<i32> {
    let writers = parts.iter().filter(|part| part.sinks.contains(topic));
    writers.map(|part| tasks(part, known)).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The partitions of the widest topic that it reads; `None` while one of them is unknown.
pub(crate) fn tasks_of(part: &Subtopology, known: &Known) -> Option<i32> {
    let partitions: Option<Vec<i32>> = part.sources.iter().map(|topic| known.get(topic).copied()).collect();
    partitions?.into_iter().max()
}

/// The partitions of the widest topic that it reads and that is known, as Kafka's `RepartitionTopics` counts them.
fn tasks_of_known(part: &Subtopology, known: &Known) -> Option<i32> {
    part.sources.iter().filter_map(|topic| known.get(topic).copied()).max()
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

    const VISITS: Topic<String, String> = Topic::new("visits");
    const USERS: Topic<String, String> = Topic::new("users");

    /// Visits joined with users, by their keys or by new ones.
    fn joined(rekeyed: bool) -> Topology {
        let builder = StreamsBuilder::new();
        let visits = builder.stream(VISITS);
        let visits =
            if rekeyed { visits.select_key(|_, page| page.clone()).named("by-page") } else { visits };
        visits.join_table(&builder.table(USERS), |page, _| page).to(Topic::new("out"));
        builder.build().unwrap()
    }

    fn partitions(topic: &TopicName) -> Option<i32> {
        let topic = topic.as_str();
        Some(if topic == "users" { 4 } else { 3 })
    }

    #[test]
    fn topics_that_are_joined_have_equally_many_partitions() {
        let error = plan(&joined(false), "app", partitions).unwrap_err();
        let topics = vec!["users".to_owned(), "visits".to_owned()];
        assert_eq!(error, TopicError::NotCopartitioned { topics, partitions: vec![4, 3] });
        assert!(plan(&joined(false), "app", |_| Some(4)).is_ok());
    }

    #[test]
    fn a_repartition_topic_takes_the_partitions_of_the_table_it_is_joined_with() {
        let planned = plan(&joined(true), "app", partitions).unwrap();
        let counts: Vec<_> = planned.iter().map(|topic| (&*topic.name, topic.partitions)).collect();
        assert_eq!(
            counts,
            [("app-by-page-repartition", 4), ("app-users-STATE-STORE-0000000002-changelog", 4)]
        );
    }

    #[test]
    fn repartition_topics_that_are_joined_are_as_wide_as_the_widest() {
        let builder = StreamsBuilder::new();
        let by_city = builder
            .stream(USERS)
            .select_key(|_, city| city.clone())
            .named("by-city")
            .to_table()
            .named("cities");
        let visits = builder.stream(VISITS).select_key(|_, page| page.clone()).named("by-page");
        visits.join_table(&by_city, |page, _| page).to(Topic::new("out"));
        let planned = plan(&builder.build().unwrap(), "app", partitions).unwrap();
        let repartitions: Vec<_> =
            planned.iter().filter(|topic| topic.name.ends_with("-repartition")).collect();
        assert!(
            repartitions.len() == 2 && repartitions.iter().all(|topic| topic.partitions == 4),
            "{planned:?}"
        );
    }

    #[test]
    fn a_stream_that_meets_what_became_of_it_needs_no_word_about_partitions() {
        let builder = StreamsBuilder::new();
        let visits = builder.stream(VISITS);
        let last = visits.group_by(|_, page| page.clone()).reduce("last", |_, page| page);
        let last = last.to_stream().map_values(|page| page.clone().unwrap_or_default());
        last.merge(&visits).to(Topic::new("out"));
        let planned = plan(&builder.build().unwrap(), "app", partitions).unwrap();
        let counts: Vec<_> = planned.iter().map(|topic| (&*topic.name, topic.partitions)).collect();
        assert_eq!(counts, [("app-last-changelog", 3), ("app-last-repartition", 3)]);
    }

    #[test]
    fn a_number_of_partitions_that_does_not_fit_the_table_is_refused() {
        let builder = StreamsBuilder::new();
        let wide = builder.stream(VISITS).repartition(Repartitioned::from("wide").partitions(12));
        wide.join_table(&builder.table(USERS), |page, _| page).to(Topic::new("out"));
        let error = plan(&builder.build().unwrap(), "app", partitions).unwrap_err();
        assert!(error.to_string().contains("12"), "{error}");
    }

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
