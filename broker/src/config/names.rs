//! Which of the three classes a name is in: effective, known without meaning here, unknown.

use crate::config::ConfigError;
use crate::config::definition::Definition;
use crate::config::known::{INERT_TOPIC_DEFINITIONS, KNOWN_BROKER_NAMES, inert_topic_definition};
use crate::config::settings::BROKER_DEFINITIONS;
use crate::config::topic::{TOPIC_DEFINITIONS, broker_defaults, topic_definition};

/// Names read by `BrokerConfig` itself, with the name whose definition they share.
const ALIASES: &[(&str, &str)] = &[("broker.id", "node.id")];

/// Names that say where the data lies; they are the directory of `BrokerConfig`.
pub(crate) const DIRECTORY_NAMES: &[&str] = &["log.dirs", "log.dir"];

/// What a name that was not refused means here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Class {
    Effective(&'static Definition),
    /// Kafka has it, this broker has no use for it.
    WithoutMeaning,
}

/// Finds a broker configuration that has an effect.
pub(crate) fn broker_definition(name: &str) -> Option<&'static Definition> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, own)| own);
    let defaults = broker_defaults().map(|broker| &broker.definition);
    BROKER_DEFINITIONS.iter().chain(defaults).find(|row| row.name == name)
}

/// Every broker configuration that has an effect.
pub(crate) fn broker_definitions() -> impl Iterator<Item = &'static Definition> {
    BROKER_DEFINITIONS.iter().chain(broker_defaults().map(|broker| &broker.definition))
}

/// The class of a broker configuration, or the nearest name.
pub(crate) fn classify_broker(name: &str) -> Result<Class, ConfigError> {
    if let Some(definition) = broker_definition(name) {
        return Ok(Class::Effective(definition));
    }
    if KNOWN_BROKER_NAMES.contains(&name) || is_listener_scoped(name) {
        return Ok(Class::WithoutMeaning);
    }
    let effective = broker_definitions().map(|row| row.name).chain(DIRECTORY_NAMES.iter().copied());
    Err(unknown(name, effective.chain(KNOWN_BROKER_NAMES.iter().copied())))
}

/// The class of a topic configuration, or the nearest name.
pub(crate) fn classify_topic(name: &str) -> Result<Class, ConfigError> {
    if let Some(row) = topic_definition(name) {
        return Ok(Class::Effective(&row.definition));
    }
    if inert_topic_definition(name).is_some() {
        return Ok(Class::WithoutMeaning);
    }
    let effective = TOPIC_DEFINITIONS.iter().map(|row| row.definition.name);
    Err(unknown(name, effective.chain(INERT_TOPIC_DEFINITIONS.iter().map(|row| row.name))))
}

/// `listener.name.NAME.key` configures one listener; such keys concern security, which waits.
fn is_listener_scoped(name: &str) -> bool {
    name.starts_with("listener.name.")
}

fn unknown(name: &str, candidates: impl Iterator<Item = &'static str>) -> ConfigError {
    /// Names less alike than this are no help.
    const MIN_SIMILARITY: f64 = 0.8;
    let nearest = candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate);
    ConfigError::Unknown { name: name.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_in_two_classes_and_none_stands_twice() {
        let mut names: Vec<_> = broker_definitions().map(|row| row.name).collect();
        names.extend(KNOWN_BROKER_NAMES);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(TOPIC_DEFINITIONS.iter().all(|row| inert_topic_definition(row.definition.name).is_none()));
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_nearest_one() {
        let error = classify_broker("num.partition").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown configuration `num.partition`: did you mean `num.partitions`?"
        );
        let error = classify_topic("cleanup.polcy").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown configuration `cleanup.polcy`: did you mean `cleanup.policy`?"
        );
        assert_eq!(classify_topic("zzz").unwrap_err().to_string(), "unknown configuration `zzz`");
    }

    #[test]
    fn kafkas_other_names_are_taken_without_meaning() {
        assert!(matches!(classify_broker("num.io.threads"), Ok(Class::WithoutMeaning)));
        assert!(matches!(classify_topic("preallocate"), Ok(Class::WithoutMeaning)));
    }
}
