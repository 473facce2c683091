//! Which of several values counts: a topic's own, the broker's dynamic or static one, or the default.

use std::collections::BTreeMap;

use crate::config::definition::Definition;
use crate::config::known::INERT_TOPIC_DEFINITIONS;
use crate::config::topic::{TOPIC_DEFINITIONS, TopicDefinition};
use crate::config::topic_values::TopicValues;

/// Where a value was set, numbered as DescribeConfigs reports it (`ConfigEntry.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Topic = 1,
    DynamicBroker = 2,
    StaticBroker = 4,
    Default = 5,
}

/// One place that sets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synonym {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// A value with everything it took precedence over, most specific first. It has no synonyms where nothing,
/// not even a default, gives it a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) value: Option<String>,
    pub(crate) source: Source,
    pub(crate) synonyms: Vec<Synonym>,
}

impl Resolved {
    fn first_of(synonyms: Vec<Synonym>, value: Option<String>) -> Self {
        let source = synonyms.first().map_or(Source::Default, |first| first.source);
        Self { value, source, synonyms }
    }
}

/// The broker's values: given at start, and altered since.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokerValues {
    /// From the properties file, the command line or the embedding program.
    pub(crate) fixed: BTreeMap<&'static str, String>,
    /// From IncrementalAlterConfigs, kept in the metadata log.
    pub(crate) dynamic: BTreeMap<String, String>,
}

impl BrokerValues {
    /// A broker configuration and where its value comes from.
    pub(crate) fn resolve(&self, definition: &'static Definition) -> Resolved {
        let synonyms = self.synonyms(definition);
        let value = synonyms.first().map(|first| first.value.clone());
        Resolved::first_of(synonyms, value)
    }

    /// A topic configuration and where its value comes from.
    pub(crate) fn resolve_topic(&self, row: &'static TopicDefinition, own: &TopicValues) -> Resolved {
        let mut candidates: Vec<(Synonym, String)> = Vec::new();
        if let Some(value) = own.get(row.definition.name) {
            let synonym = Synonym { name: row.definition.name, value: value.clone(), source: Source::Topic };
            candidates.push((synonym, value.clone()));
        }
        for broker in row.broker {
            for synonym in self.synonyms(&broker.definition) {
                let value = broker.scaled(&synonym.value);
                candidates.push((synonym, value));
            }
        }
        // `log.retention.ms` that is set beats `.hours` that is set, and either beats a default.
        candidates.sort_by_key(|(synonym, _)| synonym.source as u8);
        let value = match candidates.first() {
            Some((_, value)) => Some(value.clone()),
            None => row.definition.default.map(str::to_owned),
        };
        Resolved::first_of(candidates.into_iter().map(|(synonym, _)| synonym).collect(), value)
    }

    /// Every configuration of a topic. Those without an effect are among them: whoever set one looks for it, and
    /// tools expect the others.
    pub(crate) fn topic_configs(&self, own: &TopicValues) -> Vec<(&'static Definition, Resolved)> {
        let effective = TOPIC_DEFINITIONS.iter().map(|row| (&row.definition, self.resolve_topic(row, own)));
        let inert = INERT_TOPIC_DEFINITIONS.iter().filter_map(|row| {
            let own = own.get(row.name).map(|value| (value.clone(), Source::Topic));
            let (value, source) = own.or(row.default.map(|value| (value.to_owned(), Source::Default)))?;
            let synonym = Synonym { name: row.name, value: value.clone(), source };
            Some((row, Resolved { value: Some(value), source, synonyms: vec![synonym] }))
        });
        effective.chain(inert).collect()
    }

    fn synonyms(&self, definition: &Definition) -> Vec<Synonym> {
        let name = definition.name;
        let places = [
            (self.dynamic.get(name).cloned(), Source::DynamicBroker),
            (self.fixed.get(name).cloned(), Source::StaticBroker),
            (definition.default.map(str::to_owned), Source::Default),
        ];
        let set =
            |(value, source): (Option<String>, Source)| value.map(|value| Synonym { name, value, source });
        places.into_iter().filter_map(set).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::topic::topic_definition;

    fn retention(own: &[(&str, &str)], fixed: &[(&'static str, &str)]) -> Resolved {
        let own = own.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let fixed = fixed.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        let values = BrokerValues { fixed, dynamic: BTreeMap::new() };
        values.resolve_topic(topic_definition("retention.ms").unwrap(), &own)
    }

    #[test]
    fn the_topics_own_value_comes_before_the_brokers_and_that_before_the_default() {
        let resolved = retention(&[("retention.ms", "5")], &[("log.retention.hours", "2")]);
        assert_eq!((resolved.value.as_deref(), resolved.source), (Some("5"), Source::Topic));
        let resolved = retention(&[], &[("log.retention.hours", "2")]);
        assert_eq!((resolved.value.as_deref(), resolved.source), (Some("7200000"), Source::StaticBroker));
        let resolved = retention(&[], &[]);
        assert_eq!((resolved.value.as_deref(), resolved.source), (Some("604800000"), Source::Default));
    }

    #[test]
    fn milliseconds_come_before_minutes_and_minutes_before_hours() {
        let all = [("log.retention.hours", "3"), ("log.retention.minutes", "2"), ("log.retention.ms", "1")];
        assert_eq!(retention(&[], &all).value.as_deref(), Some("1"));
        assert_eq!(retention(&[], &all[..2]).value.as_deref(), Some("120000"));
    }
}
