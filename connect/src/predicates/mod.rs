//! What decides whether a [transform](crate::transforms) is applied to a record: Kafka's three predicates.

use crate::options::{Definition, Fault, Given, NoOptions, Options};
use crate::record::Record;
use crate::transforms::JavaRegex;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// A question about a record.
pub trait Predicate: Debug + Send + Sync {
    /// Its answer.
    fn test(&self, record: &Record) -> bool;
}

/// Makes a predicate of what is said to it, or says all that is wrong.
pub type Build = fn(&Given<'_>) -> Result<Arc<dyn Predicate>, Vec<Fault>>;

/// A predicate that can be named in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct PredicateKind {
    /// Its short name.
    pub name: &'static str,
    /// Kafka's class.
    pub class: &'static str,
    /// What it asks, in a sentence.
    pub summary: &'static str,
    /// What can be said to it.
    pub definitions: fn() -> Vec<Definition>,
    /// Makes one.
    pub build: Build,
}

/// All there are.
pub const PREDICATES: &[PredicateKind] = &[
    PredicateKind {
        name: "has-header",
        class: "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
        summary: "Whether a record has a header of a name.",
        definitions: HasHeaderKey::definitions,
        build: |given| Ok(Arc::new(HasHeaderKey::read(given)?)),
    },
    PredicateKind {
        name: "tombstone",
        class: "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        summary: "Whether a record's value is null.",
        definitions: NoOptions::definitions,
        build: |_| Ok(Arc::new(RecordIsTombstone)),
    },
    PredicateKind {
        name: "topic-matches",
        class: "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        summary: "Whether a record's topic matches a regular expression.",
        definitions: TopicOptions::definitions,
        build: |given| {
            let options = TopicOptions::read(given)?;
            let wrong = |why: String| vec![Fault::invalid("pattern", &options.pattern, &why)];
            Ok(Arc::new(TopicNameMatches(JavaRegex::new(&options.pattern).map_err(wrong)?)))
        },
    },
];

impl PredicateKind {
    /// The predicate of a short name, of Kafka's class, or of the class without its package.
    pub fn find(name: &str) -> Option<&'static PredicateKind> {
        let is_called = |kind: &PredicateKind| {
            name == kind.name || name == kind.class || kind.class.rsplit('.').next() == Some(name)
        };
        PREDICATES.iter().find(|kind| is_called(kind))
    }
}

/// The predicate of that name with those options, their names without `predicates.<alias>.`.
///
/// # Errors
/// All that is wrong: a name that there is not, options that cannot be.
pub fn predicate(name: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn Predicate>, Vec<Fault>> {
    let Some(kind) = PredicateKind::find(name) else {
        let names: Vec<_> = PREDICATES.iter().map(|kind| kind.name).collect();
        return Err(vec![Fault::invalid(
            "type",
            name,
            &format!("there is no such predicate, but {}", names.join(", ")),
        )]);
    };
    (kind.build)(&Given::new(options))
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("String must be non-empty".to_owned()) } else { Ok(()) }
}

#[derive(Options, Clone, Debug)]
struct HasHeaderKey {
    /// The name of the header.
    #[option(check = not_empty)]
    name: String,
}

impl Predicate for HasHeaderKey {
    fn test(&self, record: &Record) -> bool {
        record.headers.iter().any(|(name, _)| *name == self.name)
    }
}

#[derive(Debug)]
struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn test(&self, record: &Record) -> bool {
        record.value.value.is_null()
    }
}

#[derive(Options, Clone, Debug)]
struct TopicOptions {
    /// What the topic's whole name must match.
    #[option(check = not_empty)]
    pattern: String,
}

#[derive(Debug)]
struct TopicNameMatches(JavaRegex);

impl Predicate for TopicNameMatches {
    fn test(&self, record: &Record) -> bool {
        self.0.matches(&record.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaAndValue;

    fn answer(name: &str, options: &[(&str, &str)], record: &Record) -> Option<bool> {
        let options = options.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Some(predicate(name, &options).ok()?.test(record))
    }

    #[test]
    fn predicates_answer_for_a_record() {
        let record =
            Record::new("logs".into(), SchemaAndValue::NULL).header("a", SchemaAndValue::string("1"));
        assert_eq!(answer("has-header", &[("name", "a")], &record), Some(true));
        assert_eq!(answer("HasHeaderKey", &[("name", "A")], &record), Some(false));
        assert_eq!(answer("tombstone", &[], &record), Some(true));
        assert_eq!(answer("topic-matches", &[("pattern", "lo.s")], &record), Some(true));
        assert_eq!(answer("topic-matches", &[("pattern", "lo")], &record), Some(false));
        assert_eq!(answer("topic-matches", &[("pattern", "")], &record), None);
        assert_eq!(answer("other", &[], &record), None);
    }
}
