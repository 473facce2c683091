//! The name of the index or data stream that a record goes to.

use std::fmt::Write as _;

use chrono::DateTime;
use chrono::format::{Item, StrftimeItems};

use super::super::places;
use super::options::TargetOptions;
use crate::Record;

/// Longer names are refused by the server (bytes).
const NAME_MAX: usize = 255;
/// The third part of a data stream's name is no longer than this, by Elastic's naming scheme (bytes).
const NAMESPACE_MAX: usize = 100;

/// A text with places to be filled in from a record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    /// The record's timestamp, in strftime's format.
    Time(String),
}

/// Where records go.
#[derive(Debug)]
pub(super) enum Target {
    /// An index by a pattern.
    Index(IndexName),
    /// A data stream: what stands before the namespace, and the namespace.
    Stream(String, IndexName),
}

/// A pattern for names in lower case.
#[derive(Debug)]
pub(super) struct IndexName(Pattern);

impl Target {
    /// As the options say, which were checked.
    pub(super) fn of(options: &TargetOptions) -> Result<Self, String> {
        Ok(match options.data_stream() {
            None => Self::Index(IndexName(Pattern::parse(&options.index)?)),
            Some(stream) => {
                let namespace = Pattern::parse(&options.stream_namespace)?;
                Self::Stream(format!("{}-{}-", stream.kind, stream.dataset), IndexName(namespace))
            }
        })
    }

    /// The name for a record, or why it can have none.
    pub(super) fn name(&self, record: &Record) -> Result<String, String> {
        match self {
            Self::Index(pattern) => named(pattern.0.fill(record)?),
            Self::Stream(prefix, namespace) => {
                let namespace = namespace.0.fill(record)?.to_lowercase();
                Ok(format!("{prefix}{}", cut(&namespace, NAMESPACE_MAX)))
            }
        }
    }

    /// Whether records of one topic may have different names.
    pub(super) fn has_time(&self) -> bool {
        let (Self::Index(IndexName(pattern)) | Self::Stream(_, IndexName(pattern))) = self;
        pattern.0.iter().any(|part| matches!(part, Part::Time(_)))
    }

    /// Which names the records of a data stream can have, for a template. `None`: indices need none.
    pub(super) fn stream_pattern(&self) -> Option<String> {
        match self {
            Self::Index(_) => None,
            Self::Stream(prefix, _) => Some(format!("{prefix}*")),
        }
    }
}

/// What is wrong with a pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let pattern = Pattern::parse(pattern)?;
    let illegal = |text: &String| text.chars().find(|&c| "\\/*?\"<>| ,#:".contains(c));
    for part in &pattern.0 {
        if let Part::Text(text) = part
            && let Some(character) = illegal(text)
        {
            return Err(format!("an index's name cannot hold {character:?}"));
        }
    }
    if pattern.0.is_empty() { Err("an index has a name: ${topic} is one".to_owned()) } else { Ok(()) }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        places::parse(text, Part::Text, Part::parse).map(Self)
    }

    fn fill(&self, record: &Record) -> Result<String, String> {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Topic => name.push_str(&record.topic),
                Part::Time(format) => {
                    let time = record.timestamp.and_then(DateTime::from_timestamp_millis);
                    let time = time.ok_or("the record has no timestamp, which its index is named after")?;
                    // Fails on formats that are refused when the options are read.
                    let _ = write!(name, "{}", time.format(format));
                }
            }
        }
        Ok(name)
    }
}

impl Part {
    fn parse(place: &str) -> Result<Self, String> {
        match place.split_once(':') {
            None if place == "topic" => Ok(Self::Topic),
            Some(("time", format)) if !format.is_empty() => {
                match StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
                    true => Err(format!("{format} is no format of a time: write one as %Y.%m.%d")),
                    false => Ok(Self::Time(format.to_owned())),
                }
            }
            _ => Err(format!(
                "${{{place}}} is nothing that can be filled in: ${{topic}} and ${{time:%Y.%m.%d}} are"
            )),
        }
    }
}

/// A name as the server takes it: lower case, not beginning with `-`, `_` or `+`, not too long (Confluent's sink does the same).
fn named(name: String) -> Result<String, String> {
    let name = name.to_lowercase();
    let name = cut(name.trim_start_matches(['-', '_', '+']), NAME_MAX);
    match name {
        "" => Err("nothing is left of the index's name but characters that cannot begin one".to_owned()),
        "." => Ok("dot".to_owned()),
        ".." => Ok("dotdot".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaAndValue;

    fn name(pattern: &str, topic: &str, timestamp: Option<i64>) -> Result<String, String> {
        let target = Target::Index(IndexName(Pattern::parse(pattern)?));
        target.name(&Record { timestamp, ..Record::new(topic.into(), SchemaAndValue::NULL) })
    }

    #[test]
    fn names_are_filled_in_and_made_fit() {
        let noon = Some(1_795_348_800_000);
        for (pattern, topic, timestamp, expected) in [
            ("${topic}", "Orders", None, "orders"),
            ("${topic}", "_orders", None, "orders"),
            ("${topic}", "..", None, "dotdot"),
            ("logs-${topic}-${time:%Y.%m.%d}", "web", noon, "logs-web-2026.11.22"),
            ("fixed", "web", None, "fixed"),
            ("${time:%Y-w%V}", "web", noon, "2026-w47"),
        ] {
            assert_eq!(name(pattern, topic, timestamp).unwrap(), expected, "{pattern}");
        }
        assert_eq!(name("${topic}", &"x".repeat(300), None).unwrap().len(), NAME_MAX);
        assert!(name("${time:%Y}", "web", None).unwrap_err().contains("no timestamp"));
        assert!(name("${topic}", "___", None).is_err());
    }

    #[test]
    fn patterns_that_make_no_name_are_refused() {
        for (pattern, about) in [
            ("", "a name"),
            ("a b", "' '"),
            ("logs/${topic}", "'/'"),
            ("${Topic}", "${topic}"),
            ("${topic", "closed"),
            ("${time:}", "filled in"),
            ("${time:%Q}", "no format"),
        ] {
            let fault = check(pattern).unwrap_err();
            assert!(fault.contains(about), "{pattern}: {fault}");
        }
        assert_eq!(check("logs-${topic}-${time:%Y.%m.%d}"), Ok(()));
    }
}
