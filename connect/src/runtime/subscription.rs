//! Which topics a sink reads.

use std::collections::BTreeMap;

use millstream_client::Consumer;

use super::options::{ErrorOptions, SinkOptions};
use crate::options::{Fault, Given, Options};
use crate::transforms::JavaRegex;

/// Which topics a sink reads: never the one that its own dead letters go to, which would come round for ever.
#[derive(Clone, Debug)]
pub(crate) enum Subscription {
    /// Those of `topics`.
    Named(Vec<String>),
    /// Those whose whole names match `topics.regex`, but for one.
    Matching { pattern: JavaRegex, dead_letters: Option<String> },
}

impl Subscription {
    /// As a connector is configured.
    ///
    /// # Errors
    /// All that is wrong, in Kafka Connect's words where it has any.
    pub(crate) fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        let given = Given::new(config);
        let options = SinkOptions::read(&given)?;
        let errors = ErrorOptions::read(&given)?;
        let dead_letters = errors.dead_letters(config.get("name").map_or("", String::as_str));
        let is_chosen = errors.dead_letter_topic.is_some();
        let read = if options.topics_regex.is_empty() {
            Self::Named(options.topics)
        } else {
            let wrong = |why: String| vec![Fault::invalid("topics.regex", &options.topics_regex, &why)];
            let pattern = JavaRegex::new(&options.topics_regex).map_err(wrong)?;
            // The name that we give dead letters ourselves must not make a pattern wrong that is right elsewhere.
            let spared = dead_letters.clone().filter(|_| !is_chosen);
            Self::Matching { pattern, dead_letters: spared }
        };
        match dead_letters.filter(|topic| read.includes(topic)) {
            Some(topic) => Err(vec![read.consumes_its_own(&topic, config)]),
            None => Ok(read),
        }
    }

    fn consumes_its_own(&self, dead_letters: &str, config: &BTreeMap<String, String>) -> Fault {
        let (option, how) = match self {
            Self::Named(_) => ("topics", "list of topics"),
            Self::Matching { .. } => ("topics.regex", "regex matching topics"),
        };
        let said = config.get(option).map_or("", String::as_str);
        let message = format!(
            "The DLQ topic '{dead_letters}' may not be included in the {how} (\"{option}={said}\") consumed by the connector: set \
             errors.deadletterqueue.topic.name to another topic, or to nothing, to have none"
        );
        Fault::new(option, message)
    }

    /// Whether a topic is read.
    pub(crate) fn includes(&self, topic: &str) -> bool {
        match self {
            Self::Named(topics) => topics.iter().any(|name| name == topic),
            Self::Matching { pattern, dead_letters } => {
                dead_letters.as_deref() != Some(topic) && pattern.matches(topic)
            }
        }
    }

    /// Subscribes to them, also to those that come later.
    pub(crate) fn subscribe(self, consumer: &Consumer) -> millstream_client::Result<()> {
        match self {
            Self::Named(topics) => consumer.subscribe(topics.iter().map(String::as_str)),
            matching @ Self::Matching { .. } => {
                consumer.subscribe_matching(move |topic| matching.includes(topic))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Subscription, String> {
        let config: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Subscription::read(&config).map_err(|faults| faults[0].to_string())
    }

    #[test]
    fn dead_letters_are_not_read_by_who_wrote_them() {
        const LETTERS: &str = "errors.deadletterqueue.topic.name";
        let all = read(&[("name", "a"), ("topics.regex", ".*")]).unwrap();
        assert!(all.includes("orders") && all.includes("b.dlq") && !all.includes("a.dlq"));
        let off = read(&[("name", "a"), ("topics.regex", ".*"), (LETTERS, "")]).unwrap();
        assert!(off.includes("a.dlq"));
        for wrong in [
            read(&[("name", "a"), ("topics", "b,a.dlq")]),
            read(&[("name", "a"), ("topics", "b"), (LETTERS, "b")]),
            read(&[("name", "a"), ("topics.regex", "b.*"), (LETTERS, "bad")]),
        ] {
            assert!(wrong.unwrap_err().contains(LETTERS));
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_told_of_before_anything_runs() {
        assert!(
            read(&[("name", "a"), ("topics.regex", "b.(")])
                .unwrap_err()
                .contains("topics.regex: not a regular")
        );
        assert!(!read(&[("name", "a"), ("topics.regex", "b")]).unwrap().includes("bb"));
    }
}
