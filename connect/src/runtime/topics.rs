//! Topics that a source writes to are made before its first record (KIP-158: `topic.creation.*`).

use std::collections::BTreeMap;

use millstream_client::{Admin, ErrorCode, NewTopic};
use regex::Regex;

use super::RunError;
use crate::options::{Fault, Given, OptionType};

/// Kafka's limit to the name of a topic, in bytes.
const NAME_MAX: usize = 249;
/// The group whose rules count for every topic that no other group includes.
const DEFAULT_GROUP: &str = "default";

/// Whether a topic can have this name (Kafka's `Topic.validate`).
///
/// # Errors
/// What its name can be.
pub(crate) fn is_name(name: &str) -> Result<(), String> {
    let is_one =
        (1..=NAME_MAX).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(is_of_a_name);
    is_one.then_some(()).ok_or_else(|| {
        format!("{name} can be no topic's name: that has ASCII letters, digits, `.`, `_` and `-` alone, {NAME_MAX} at most")
    })
}

/// The name that is most like a text with an ending.
pub(crate) fn name_like(text: &str, ending: &str) -> String {
    let legal = |c: char| u8::try_from(c).is_ok_and(is_of_a_name);
    let name = text.chars().map(|c| if legal(c) { c } else { '_' });
    name.take(NAME_MAX - ending.len()).chain(ending.chars()).collect()
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// How topics are made.
#[derive(Debug, Default)]
pub(crate) struct TopicCreation {
    /// In the order of `topic.creation.groups`; the default group last.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    partitions: Option<i32>,
    replication: Option<i16>,
    configs: Vec<(String, String)>,
}

impl TopicCreation {
    /// The rules of a connector. Without any, topics are made with the broker's defaults.
    pub(crate) fn read(config: &BTreeMap<String, String>, groups: &[String]) -> Result<Self, Vec<Fault>> {
        let names = groups.iter().map(String::as_str).filter(|name| *name != DEFAULT_GROUP);
        let mut faults = Vec::new();
        let groups =
            names.chain([DEFAULT_GROUP]).map(|name| Group::read(config, name, &mut faults)).collect();
        if faults.is_empty() { Ok(Self { groups }) } else { Err(faults) }
    }

    /// The topic as it is to be made.
    pub(crate) fn new_topic(&self, topic: &str) -> NewTopic {
        let mut new = NewTopic::new(topic, 1);
        new.partitions = None;
        let Some(group) = self.groups.iter().find(|group| group.takes(topic)) else { return new };
        new.partitions = group.partitions;
        new.replication_factor = group.replication;
        new.configs.clone_from(&group.configs);
        new
    }
}

impl Group {
    fn read(config: &BTreeMap<String, String>, name: &str, faults: &mut Vec<Fault>) -> Self {
        let prefix = format!("topic.creation.{name}.");
        let mut own = Given::new(config).below(&prefix);
        let mut patterns = |what: &str| -> Vec<Regex> {
            let text = own.remove(what).unwrap_or_default();
            let texts = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
            let mut compiled = Vec::new();
            for pattern in texts {
                match Regex::new(&format!("^(?:{pattern})$")) {
                    Ok(regex) => compiled.push(regex),
                    Err(error) => {
                        faults.push(Fault::invalid(&format!("{prefix}{what}"), pattern, &error.to_string()))
                    }
                }
            }
            compiled
        };
        let (mut include, exclude) = (patterns("include"), patterns("exclude"));
        if name == DEFAULT_GROUP {
            include.clear();
        } else if include.is_empty() {
            faults.push(Fault::missing(&format!("{prefix}include")));
        }
        let partitions = number::<i32>(&mut own, &prefix, "partitions", faults);
        let replication = number::<i16>(&mut own, &prefix, "replication.factor", faults);
        Self { include, exclude, partitions, replication, configs: own.into_iter().collect() }
    }

    /// The default group takes all that is left.
    fn takes(&self, topic: &str) -> bool {
        let included = self.include.is_empty() || self.include.iter().any(|pattern| pattern.is_match(topic));
        included && !self.exclude.iter().any(|pattern| pattern.is_match(topic))
    }
}

/// A number above 0, or -1 for the broker's default.
fn number<T: OptionType + PartialOrd + From<i8>>(
    own: &mut BTreeMap<String, String>,
    prefix: &str,
    what: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let text = own.remove(what)?;
    match T::parse(&text) {
        Ok(number) if number > T::from(0) => Some(number),
        Ok(number) if number == T::from(-1) => None,
        _ => {
            faults.push(Fault::invalid(
                &format!("{prefix}{what}"),
                &text,
                "must be above 0, or -1 for the broker's default",
            ));
            None
        }
    }
}

/// Makes a topic unless it is there; `new` says how, and that it may be made at all; `factor` is the option that says how many copies.
pub(crate) async fn ensure(
    admin: &Admin,
    topic: &str,
    factor: &str,
    new: impl FnOnce() -> Option<NewTopic>,
) -> Result<(), RunError> {
    let described = admin.describe_topics([topic]).await?.into_iter().next();
    match described {
        Some((_, Ok(_))) => return Ok(()),
        Some((_, Err(error))) if error.code() != Some(ErrorCode::UnknownTopicOrPartition) => {
            return Err(error.into());
        }
        _ => {}
    }
    let Some(new) = new() else {
        return Err(RunError::Fatal(format!(
            "topic {topic} does not exist and topic.creation.enable=false: create it, then restart the task"
        )));
    };
    for (_, created) in admin.create_topics([new]).await? {
        match created {
            Ok(_) => tracing::info!(topic, "topic created"),
            // Another task was quicker.
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
            Err(error) if error.code() == Some(ErrorCode::InvalidReplicationFactor) => {
                let why = error.to_string();
                return Err(RunError::Refused(format!(
                    "{}; set {factor} to no more than there are brokers, or to -1 for their own default",
                    why.trim_end_matches('.')
                )));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_topic_becomes_what_is_most_like_it() {
        for name in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert!(is_name(name).is_err(), "{name}");
        }
        for (text, like) in [("a.b_c-9", "a.b_c-9.dlq"), ("sp ace/ü", "sp_ace__.dlq"), ("..", "...dlq")] {
            assert_eq!(name_like(text, ".dlq"), like);
            assert_eq!(is_name(like), Ok(()));
        }
        assert_eq!(is_name(&name_like(&"x".repeat(300), ".dlq")), Ok(()));
    }

    #[test]
    fn the_first_group_that_takes_a_topic_says_how_it_is_made() {
        let pairs = [
            ("topic.creation.default.partitions", "4"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.compact.include", "users, .*-table"),
            ("topic.creation.compact.exclude", "big-.*"),
            ("topic.creation.compact.partitions", "1"),
            ("topic.creation.compact.cleanup.policy", "compact"),
        ];
        let config = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let creation = TopicCreation::read(&config, &["compact".to_owned()]).unwrap();
        let made = |topic: &str| {
            let new = creation.new_topic(topic);
            (new.partitions, new.replication_factor, new.configs.len())
        };
        assert_eq!(made("users"), (Some(1), None, 1));
        assert_eq!(made("a-table"), (Some(1), None, 1));
        assert_eq!(made("big-table"), (Some(4), None, 0), "excluded");
        assert_eq!(made("users2"), (Some(4), None, 0), "a pattern matches the whole name");
        assert_eq!(TopicCreation::default().new_topic("x").partitions, None);
    }

    #[test]
    fn a_group_that_includes_nothing_or_a_bad_number_is_a_fault() {
        let config = [("topic.creation.default.partitions".to_owned(), "0".to_owned())].into();
        let faults = TopicCreation::read(&config, &["g".to_owned()]).unwrap_err();
        let options: Vec<&str> = faults.iter().map(|fault| fault.option.as_str()).collect();
        assert_eq!(options, ["topic.creation.g.include", "topic.creation.default.partitions"]);
    }
}
